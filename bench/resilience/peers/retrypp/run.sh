#!/bin/bash
# run.sh: RetryPP is not measured. Version 1.0.1 includes <format>, which comes with g++ 13's library,
# and darn is built with Debian 12's g++ 12 and clang 16, which share that of g++ 12. Debian has no
# package of it either: it is published as source, in its author's vcpkg registry, and for Visual Studio.
set -eu
echo "RetryPP: 1.0.1 needs <format>, which g++ 12's library lacks, and Debian has no package of it" >&2
exit 69
