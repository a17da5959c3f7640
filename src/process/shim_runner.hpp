// The real ProcessRunner. State of a slot K in `dir`: slot-K.ring (exit records), slot-K.sock
// (control socket, by which a later engine adopts the shim), slot-K.out, slot-K.err (output
// segments). A shim is this executable started again with `kShimArgument`; it is a session leader and
// subreaper, so that everything a task leaves behind is found and ended with it.
#pragma once

#include <memory>
#include <string>

#include "process/runner.hpp"

namespace darn {

inline constexpr const char* kShimArgument = "__shim";

// `executable`: what to start as shim; empty: /proc/self/exe.
Result<std::unique_ptr<ProcessRunner>> make_shim_runner(const std::string& dir,
                                                        const std::string& executable = {});

// The shim's main; call it first thing in main() when argv[1] is kShimArgument.
int shim_main(int argc, char** argv);

}  // namespace darn
