#!/bin/sh
# demo.sh: twelve coding agents, an API that has a bad night, and darn, which takes the batch home.
#
# DARN       the program (default: darn, found on PATH)
# KEEP=1     keeps the working directory and says where it is
set -u

here=$(cd "$(dirname "$0")" && pwd)
DARN=${DARN:-darn}
case $DARN in
  /*) ;;
  */*) DARN=$PWD/$DARN ;;
esac
command -v "$DARN" >/dev/null || { echo "demo: no program '$DARN'; build darn or set DARN" >&2; exit 69; }

work=$(mktemp -d)
server=""
leave() {
  status=$?
  trap - EXIT
  [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
  if [ "${KEEP:-}" = 1 ]; then echo "demo: left in $work"; else rm -rf "$work"; fi
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n== %s\n' "$*"; }
show() {
  printf "\n$ %s\n" "$1"
  shift
  "$DARN" "$@"
}

cp -r "$here/tasks.csv" "$here/darn.toml" "$here/context" "$work/"
cd "$work" || exit 74
export XDG_CONFIG_HOME="$work/config" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state"
export PATH="$here:$PATH" # for agent.py
unset http_proxy HTTP_PROXY

python3 "$here/server.py" "$work/port" &
server=$!
waited=0
while [ ! -s "$work/port" ]; do
  kill -0 "$server" 2>/dev/null && [ $waited -lt 100 ] || { echo "demo: the server did not start" >&2; exit 69; }
  waited=$((waited + 1))
  sleep 0.1
done
NIGHT_API="http://127.0.0.1:$(cat "$work/port")"
export NIGHT_API

say "Twelve agents (tasks.csv) work against an API at $NIGHT_API that has a bad night:"
cat <<'EOF'
   api       is told 429, Retry-After: 2          report    ends with status 0, having done nothing
   cache     hits a quota that "resets in 5 s"    metrics   leaves a runaway process behind
   search    finds it overloaded (529), twice     render    crashes with a signal, twice
   mail      finds it unavailable (503)           billing   is refused for good, twice
   upload    has its connection reset, twice      refactor  runs out of turns
   docs      works, and reads its context         parser    works
EOF

show "darn run tasks.csv --auto-retry --max-retries 5" \
  run tasks.csv --auto-retry --max-retries 5 --progress plain
ran=$?
say "darn run ended with status $ran."

show "darn status" status
say "How 'billing' came home: refused for good in two cycles, which is not retried in place."
show "darn lineage last billing" lineage last billing
say "And why darn did with 'api' what it did:"
show "darn explain last api" explain last api

say "Is that true? Held against what the server saw and what lies on the disk:"
"$DARN" status --json >"$work/status.json" && python3 "$here/check.py" <"$work/status.json"
checked=$?
[ "$ran" = 0 ] && [ "$checked" = 0 ] || { say "The night was NOT taken home."; exit 1; }
say "All twelve are home."
