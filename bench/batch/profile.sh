#!/bin/sh
# profile.sh [N=10000]: where processor time goes while darn runs N times /bin/true, two at a time: by
# process, then the engine's by library. Needs perf (linux-perf).
set -eu
cd "$(dirname "$0")/../.."
darn=$(realpath "${DARN:-build/release/darn}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ echo id,command; seq -f 't%.0f,/bin/true' "${1:-10000}"; } >tasks.csv
perf record -q -F 4000 -e cpu-clock -o perf.data -- "$darn" run tasks.csv -j 2 --progress quiet >/dev/null 2>&1
report() { perf report -i perf.data --stdio --no-children -g none "$@" 2>/dev/null | grep -E '^ +[0-9]' | head -6; }
report --sort comm
echo "of the engine (darn):"
report --comm darn --sort dso --percentage relative
