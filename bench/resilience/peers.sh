#!/bin/bash
# peers.sh: what one call that succeeds costs in other resilience libraries, most of them of other
# languages, each measured by a harness of its own ecosystem (peers/<peer>/run.sh), which installs what
# it needs in build/bench-peers/.
#
# stdout: one line of JSON a measurement:
#   {"peer":"failsafe-go","version":"0.9.8","case":"retry","threads":1,"ns":358.3,"allocs":14,"bytes":416}
# ns      wall-clock time over all calls of all threads, the median of the repetitions
# allocs, bytes   of one call; null where the harness can't tell
# case    direct     the bare call: the harness's own floor, to be taken off the others
#         empty      a pipeline without policies, or a policy that does nothing
#         retry      3 attempts, exponential backoff of 100 ms to 30 s with jitter
#         retry_no_jitter   (RetryPP) the same without jitter, which is nearly all of its cost
#         breaker    a closed circuit breaker that counts the last 100 calls and opens at 50 %
#         open       the rejection by an open one, as its caller meets it: an error, or an exception
#         timeout    1 s around the call
#         timeout_pool   (resilience4j) the same with the call on another thread, so that it may block
#         combined   retry around breaker around timeout
# A peer leaves out the cases that it has nothing for.
#
# RetryPP is in no package registry used here: RETRYPP_SOURCE names a checkout of it.
#
# stderr says which peers could not run, and why; that alone is no failure.
set -eu
cd "$(dirname "$0")/peers"
failed=0
for peer in */; do
  status=0
  "./${peer}run.sh" || status=$?
  case $status in
    0) ;;
    69) echo "peers.sh: no numbers of ${peer%/}, see above" >&2 ;;
    *) echo "peers.sh: ${peer%/} failed with status $status" >&2; failed=1 ;;
  esac
done
exit $failed
