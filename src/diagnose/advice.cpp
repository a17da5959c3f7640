// The next step when nothing more exact is known.
#include <array>

#include "diagnose/tables.hpp"

namespace darn::tables {
namespace {

constexpr std::array<std::string_view, 21> kAdvice = {
    "",                                                                    // none
    "correct the code at the place shown",                                 // code
    "correct the input",                                                   // data
    "read the failing check: the result is wrong",                         // logic
    "install what is missing",                                             // dependency
    "correct the settings or arguments",                                   // configuration
    "check the key, the login and its permissions",                        // authentication
    "check the file, its permissions and this machine's setup",            // environment
    "nothing to do: the service should come back",                         // service
    "check the network, the address and that the other side is up",        // network
    "give it more, or run fewer tasks at a time",                          // resource
    "raise the timeout, or make the task smaller",                         // timeout
    "see its log for why it did not write the promised file",              // missing_output
    "read the check's output: the work is not what was asked for",         // check_failed
    "wait for the reset, add a key, or name a fallback agent",             // quota
    "give the task less context, or a model that takes more",              // context_length
    "the task is too complex for its limit: split it or raise the limit",  // task_limit
    "look at the core dump or run it under a debugger",                    // crash
    "run again when you want it to go on",                                 // cancelled
    "nothing to do: it is started again",                                  // lost
    "read its last lines",                                                 // unknown
};

}  // namespace

std::string_view advice_for(Cause cause) {
  const auto i = static_cast<std::size_t>(cause);
  return i < kAdvice.size() ? kAdvice[i] : "";
}

}  // namespace darn::tables
