#include "darn/chaos.hpp"

namespace darn::detail {

error chaos_state::make_fault() {
  faults.add();
  return options.exception ? classify_exception(options.exception()) : options.fault;
}

}  // namespace darn::detail
