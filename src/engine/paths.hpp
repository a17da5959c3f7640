// Where things lie under the state directory (.darn).
#pragma once

#include <string>

#include "base/text.hpp"

namespace darn {

struct StatePaths {
  std::string root;  // absolute .darn
  std::string database() const { return root + "/darn.db"; }
  std::string run_dir(const std::string& run) const { return root + "/runs/" + run; }
  std::string lock(const std::string& run) const { return run_dir(run) + "/lock"; }
  // Held by whichever run of a lineage is a re-run or a resumed one (cli/session.hpp).
  std::string lineage_lock(const std::string& root_run) const {
    return run_dir(root_run) + "/lineage";
  }
  std::string batches() const { return root + "/batches"; }
  std::string batch(const std::string& batch) const { return batches() + "/" + batch; }
  std::string agent_log(const std::string& b, const std::string& id) const {
    return batch(b) + "/agent-" + file_name(id) + ".log";
  }
  std::string workspace(const std::string& b, const std::string& id) const {
    return batch(b) + "/results/agent-" + file_name(id) + "/workspace";
  }
};

}  // namespace darn
