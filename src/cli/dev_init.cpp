// darn dev --init
#include "cli/commands.hpp"

namespace darn::cli {

Result<int> dev_init(const Context&, const DevOptions&) { return 0; }

}  // namespace darn::cli
