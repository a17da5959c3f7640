#!/bin/bash
# run.sh: what one call costs through failsafe-go, one line of JSON a case; 69 when it can't be had here.
set -eu
cd "$(dirname "$0")"
build=$(realpath ../../../..)/build/bench-peers/failsafe-go
cannot() { echo "failsafe-go: $*" >&2; exit 69; }

command -v go >/dev/null || cannot "needs go 1.22 or newer"
go mod download >&2 || cannot "go could not download the modules of go.mod"
mkdir -p "$build"
go test -c -o "$build/bench" . >&2
version=$(go list -m -f '{{.Version}}' github.com/failsafe-go/failsafe-go)
echo "failsafe-go ${version#v}, $(go env GOVERSION)" >&2

{
  "$build/bench" -test.run '^$' -test.bench Call -test.cpu 1 \
    -test.benchmem -test.benchtime 100ms -test.count 9
  "$build/bench" -test.run '^$' -test.bench Shared -test.cpu 2,4,8 \
    -test.benchmem -test.benchtime 100ms -test.count 9
} >"$build/bench.txt" || { cat "$build/bench.txt" >&2; exit 1; }

# "BenchmarkShared/breaker-4  100  12.3 ns/op  0 B/op  0 allocs/op": the median of what has one name
awk -v version="${version#v}" '
  /^Benchmark/ {
    name = $1
    sub(/.*\//, "", name)
    if (!(name in n)) order[++names] = name
    ns[name, ++n[name]] = $3; bytes[name] = $5; allocs[name] = $7
  }
  END {
    for (k = 1; k <= names; ++k) {
      name = order[k]
      for (i = 2; i <= n[name]; ++i)
        for (j = i; j > 1 && ns[name, j] < ns[name, j - 1]; --j) {
          t = ns[name, j]; ns[name, j] = ns[name, j - 1]; ns[name, j - 1] = t
        }
      threads = split(name, part, "-") > 1 ? part[2] : 1
      printf "{\"peer\":\"failsafe-go\",\"version\":\"%s\",\"case\":\"%s\",\"threads\":%d,", version, part[1], threads
      printf "\"ns\":%s,\"allocs\":%d,\"bytes\":%d}\n", ns[name, (n[name] + 1) / 2], allocs[name], bytes[name]
    }
  }' "$build/bench.txt"
