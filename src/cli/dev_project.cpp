#include "cli/dev_project.hpp"

#include "agent/presets.hpp"

namespace darn::cli {

Result<DevEntries> read_project(const Context& context, const std::string& dir) {
  DevEntries entries;
  auto settings = load_config(dir, agent_presets(), &entries);
  if (!settings) {
    Error& error = settings.error();
    if (error.where.file == "darn.toml" && dir != context.cwd) {
      error.where.file = dir + "/" + error.where.file;
    }
    return tl::unexpected<Error>(std::move(error));
  }
  return entries;
}

}  // namespace darn::cli
