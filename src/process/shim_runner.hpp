// The real ProcessRunner. State of a slot K in `dir`: slot-K.ring (exit records, process/ring.hpp),
// slot-K.out, slot-K.err (output segments, process/capture.hpp; slot-K.N.out the later ones). A
// shim is this executable started again with kShimArgument; it is a session leader and subreaper,
// so that everything a task leaves behind is found and ended with it. It takes jobs over a socket
// pair and ends with the engine, but for the job that it is running: that goes on, is recorded, and
// then the shim ends too. A later engine finds it by the lock on the ring, waits on its pidfd and
// reads the ring (adopt); it gets no new jobs, because its environment is the earlier engine's.
//
// A task sees DARN_ATTEMPT (its attempt) and DARN_SHIM (its shim) in its environment.
// Failures: io and unavailable as everywhere; try_again when an earlier engine's shim is stopped.
#pragma once

#include <memory>
#include <string>

#include "process/runner.hpp"

namespace darn {

inline constexpr const char* kShimArgument = "__shim";

// `dir` is made if its parent is there. `executable`: what to start as shim; empty: /proc/self/exe.
Result<std::unique_ptr<ProcessRunner>> make_shim_runner(const std::string& dir,
                                                        const std::string& executable = {});

// The shim's main; call it first thing in main() when argv[1] is kShimArgument.
int shim_main(int argc, char** argv);

}  // namespace darn
