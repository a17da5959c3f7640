#!/bin/bash
# run.sh: what one call costs through RetryPP, one line of JSON a case; 69 when it can't be had here.
# RETRYPP_SOURCE names a checkout of its v1.0.1: it is published as source, in its author's vcpkg
# registry, and for Visual Studio, so nothing here could install it.
set -eu
cd "$(dirname "$0")"
build=$(realpath ../../../..)/build/bench-peers/retrypp
cannot() { echo "RetryPP: $*" >&2; exit 69; }

[ -n "${RETRYPP_SOURCE:-}" ] || cannot "set RETRYPP_SOURCE to a checkout of its v1.0.1, which no registry used here has"
[ -f "$RETRYPP_SOURCE/include/RetryPP/RetryPP.h" ] || cannot "there is no RetryPP in $RETRYPP_SOURCE"
cxx=${CXX:-g++}
command -v "$cxx" >/dev/null || cannot "needs $cxx, a C++20 compiler"
compiles() { echo "$1" | "$cxx" -std=c++20 -fsyntax-only -x c++ - 2>/dev/null; }
compiles '#include <benchmark/benchmark.h>' || cannot "needs Google Benchmark (libbenchmark-dev)"

mkdir -p "$build"
flags=(-std=c++20 -O3 -DNDEBUG -w)
# g++ 12 lacks <format>, of which RetryPP needs only the words of two exceptions: fmt stands in for it.
if ! compiles '#include <format>'; then
  compiles '#include <fmt/format.h>' || cannot "needs <format>, or fmt (libfmt-dev) in its place"
  mkdir -p "$build/include"
  printf '#include <fmt/format.h>\nnamespace std { using fmt::format; }\n' >"$build/include/format"
  flags+=(-DFMT_HEADER_ONLY -isystem "$build/include")
fi
# g++ alone refuses its "using Range = Range<T, Comp>", which gives a name a second meaning.
"$cxx" --version | grep -qi clang || flags+=(-fpermissive)

# The newest heading of its change log: nothing else in the source tells the version.
version=$(sed -n 's/^## \([0-9.]*\).*/\1/p' "$RETRYPP_SOURCE/CHANGELOG.md" | head -1)
echo "RetryPP $version, $("$cxx" --version | head -1)" >&2
"$cxx" "${flags[@]}" -DRETRYPP_VERSION="\"$version\"" -isystem "$RETRYPP_SOURCE/include" -I../.. \
  bench.cpp -o "$build/bench" -lbenchmark -pthread
exec "$build/bench" --benchmark_min_time=0.3 --benchmark_repetitions=9
