#!/bin/bash
# compare.sh [N=10000] [ROUNDS=7]: N times /bin/true, two at a time, by darn (recorded), by a bare
# posix_spawn loop (the floor) and by the peers that are installed, in turn, ROUNDS times. Prints
# each one's median seconds, median ratio to the floor of the same round, and peak memory of darn.
#
# DARN  the program (default: build/release/darn)
set -euo pipefail
cd "$(dirname "$0")/../.."
total=${1:-10000} rounds=${2:-7}
darn=$(realpath "${DARN:-build/release/darn}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
g++ -O2 -std=c++20 -o "$work/floor" bench/batch/floor.cpp
{ echo id,command; seq -f 't%.0f,/bin/true' "$total"; } >"$work/tasks.csv"
seq "$total" >"$work/numbers"
cd "$work"

# seconds COMMAND…: of wall clock
seconds() { /usr/bin/env TIMEFORMAT=%R bash -c 'time "$@" >/dev/null 2>&1' _ "$@" 2>&1; }

run_darn() { rm -rf .darn; seconds "$darn" run tasks.csv -j 2 --progress quiet; }
run_floor() { ./floor "$total" 2; }
run_xargs() { seconds xargs -P2 -n1 -a numbers /bin/true; }
run_parallel() { seconds parallel -j2 -a numbers /bin/true; }

names=(floor darn xargs)
command -v parallel >/dev/null && [ "$total" -le 2000 ] && names+=(parallel)
for ((round = 0; round < rounds; ++round)); do
  for name in "${names[@]}"; do
    printf '%s %s %s\n' "$round" "$name" "$("run_$name")"
  done
done | awk '
  function median(list, n,   i, j, t) {
    for (i = 2; i <= n; ++i) for (j = i; j > 1 && list[j] < list[j-1]; --j) { t = list[j]; list[j] = list[j-1]; list[j-1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
  }
  $2 == "floor" { floor[$1] = $3 }
  { if (!($2 in n)) order[++kinds] = $2; n[$2]++; time[$2, n[$2]] = $3; ratio[$2, n[$2]] = $3 / floor[$1] }
  END {
    for (k = 1; k <= kinds; ++k) {
      name = order[k]
      for (i = 1; i <= n[name]; ++i) { t[i] = time[name, i]; r[i] = ratio[name, i] }
      printf "%-10s median %6.2f s  ratio to floor %5.2f  (%d rounds)\n", name, median(t, n[name]), median(r, n[name]), n[name]
    }
  }'
rm -rf .darn
"$darn" run tasks.csv -j 2 --progress quiet &
pid=$!
peak=0
while kill -0 "$pid" 2>/dev/null; do
  now=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
  [ -z "$now" ] || peak=$now
  sleep 0.2
done
wait "$pid"
echo "darn       peak memory $((peak / 1024)) MiB"
