#!/bin/bash
# compare.sh [N=10000] [ROUNDS=7]: N times /bin/true, two at a time, by darn (recorded), by darn with
# --durability power, by a bare posix_spawn loop (the floor) and by the peers that are installed, in
# turn, ROUNDS times. Prints each one's median seconds and median ratio to the floor of the same
# round, and darn's peak memory. GNU parallel is slow: it gets a tenth of the tasks, and a floor of
# its own.
#
# DARN  the program (default: build/release/darn)
set -euo pipefail
cd "$(dirname "$0")/../.."
total=${1:-10000} rounds=${2:-7}
darn=$(realpath "${DARN:-build/release/darn}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
g++ -O2 -std=c++20 -o "$work/floor" bench/batch/floor.cpp
cd "$work"
few=$((total / 10))
{ echo id,command; seq -f 't%.0f,/bin/true' "$total"; } >tasks.csv
seq "$total" >numbers
seq "$few" >fewer
{ printf 'all:'; seq -f ' t%.0f' -s '' "$total"; printf '\nt%%:\n\t@/bin/true\n'; } >Makefile
{ printf 'rule t\n  command = /bin/true\n'; seq -f 'build t%.0f: t' "$total"; } >build.ninja

# seconds COMMAND…: of wall clock
seconds() { /usr/bin/env TIMEFORMAT=%R bash -c 'time "$@" >/dev/null 2>&1' _ "$@" 2>&1; }

run_darn() { rm -rf .darn batch-*; seconds "$darn" run tasks.csv -j 2 --progress quiet; }
run_darn_power() { rm -rf .darn batch-*; seconds "$darn" run tasks.csv -j 2 --progress quiet --durability power; }
run_floor() { ./floor "$total" 2; }
run_xargs() { seconds xargs -P2 -n1 -a numbers /bin/true; }
run_make() { seconds make -j2 -s; }
run_ninja() { rm -f .ninja_log .ninja_deps; seconds ninja -j2 --quiet; }
run_floor_of_parallel() { ./floor "$few" 2; }
run_parallel() { seconds parallel -j2 -a fewer /bin/true; }

names=(floor darn darn_power xargs)
for peer in make ninja; do command -v "$peer" >/dev/null && names+=("$peer"); done
command -v parallel >/dev/null && names+=(floor_of_parallel parallel)
for ((round = 0; round < rounds; ++round)); do
  for name in "${names[@]}"; do
    printf '%s %s %s\n' "$round" "$name" "$("run_$name")"
  done
done | awk '
  function median(list, n,   i, j, t) {
    for (i = 2; i <= n; ++i) for (j = i; j > 1 && list[j] < list[j-1]; --j) { t = list[j]; list[j] = list[j-1]; list[j-1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
  }
  $2 == "floor" || $2 == "floor_of_parallel" { floor[$1] = $3 }
  { if (!($2 in n)) order[++kinds] = $2; n[$2]++; time[$2, n[$2]] = $3; ratio[$2, n[$2]] = $3 / floor[$1] }
  END {
    for (k = 1; k <= kinds; ++k) {
      name = order[k]
      for (i = 1; i <= n[name]; ++i) { t[i] = time[name, i]; r[i] = ratio[name, i] }
      printf "%-18s median %6.2f s  ratio to floor %5.2f  (%d rounds)\n", name, median(t, n[name]), median(r, n[name]), n[name]
    }
  }'
