#!/bin/sh
# profile.sh [N=10000]: where processor time goes while darn runs N times /bin/true, two at a time: by
# process, then the engine's by library (parts of the whole). Needs perf (linux-perf).
set -eu
cd "$(dirname "$0")/../.."
darn=$(realpath "${DARN:-build/release/darn}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ echo id,command; seq -f 't%.0f,/bin/true' "${1:-10000}"; } >tasks.csv
perf record -q -F 4000 -e cpu-clock -o perf.data -- "$darn" run tasks.csv -j 2 --progress quiet >/dev/null 2>&1
report() { perf report -i perf.data --stdio --no-children -g none --sort "$1" 2>/dev/null | grep -E '^ +[0-9]'; }
report comm | head -4
echo "of the engine:"
report comm,dso | grep -E '% +darn ' | head -5
