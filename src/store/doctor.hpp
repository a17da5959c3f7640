// Is a store whole, does it agree with itself, and what can be saved of one that does not. Looking
// changes nothing and needs no lock: it is one reader's transaction. Saving writes a new file and
// leaves the damaged one as it is; it, too, reads in one transaction, so that the copy is of one
// moment (but where the list of tables itself is damaged: nobody writes to such a file). `darn
// doctor` is what people see of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace darn {

struct StoreProblem {
  std::string run;   // its id; empty: of the file
  std::string what;  // one line
};

// Fails only when the file cannot be looked at at all (not there, no permission, another
// program's, written by another version of darn).
Result<std::vector<StoreProblem>> check_store(const std::string& path);

struct Salvage {
  std::map<std::string, std::int64_t> rows;  // saved, per table
  std::vector<std::string> notes;            // what could not be saved, and what was concluded
};

// Reads whatever can be read of `path` into the new file `to`, and makes that one agree with
// itself: edges come from the tasks' specifications, totals are counted anew, and a task of which
// it is not known any more whether it ran is abandoned, never ready. Fails when `to` exists, when
// nothing can be read, and for a file that is not damaged but another program's, or of a newer
// darn; `to` is there only when it is finished.
Result<Salvage> salvage_store(const std::string& path, const std::string& to);

}  // namespace darn
