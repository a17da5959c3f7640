#!/bin/bash
# run.sh: what one call costs through darn's policies and through those of its peers, in one run on
# this machine. Lines of JSON as peers.sh has them; --ours leaves the peers out. Needs Google Benchmark
# (libbenchmark-dev); nothing else should run meanwhile.
set -eu
cd "$(dirname "$0")/../.."
build=build/bench-resilience
cmake -S . -B "$build" -DDARN_LIBRARY_ONLY=ON -DCMAKE_BUILD_TYPE=Release >&2
cmake --build "$build" --parallel "$(nproc)" >&2
version=$(sed -nE 's/^project\(darn VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
c++ -std=c++20 -O2 -DNDEBUG "-DDARN_VERSION=\"$version\"" -Iinclude bench/resilience/success_path.cpp \
  "$(find "$build" -name 'libdarn_resilience.a' | head -n 1)" -lbenchmark -lpthread \
  -o "$build/success_path" >&2
"$build/success_path" --benchmark_repetitions=7 --benchmark_min_time=0.2
[ "${1:-}" = --ours ] || ./bench/resilience/peers.sh
