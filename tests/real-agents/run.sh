#!/bin/sh
# Runs the real agent CLIs, as their presets start them, against a scripted server on 127.0.0.1, and
# keeps what they print and how they end. Opt-in: not part of ./scripts/test, nothing in CI calls it.
#
#   npm install --prefix /tmp/agents @anthropic-ai/claude-code @openai/codex @google/gemini-cli
#   tests/real-agents/run.sh /tmp/agents [CLI[/CASE]...]
#
# The CLIs run in a network namespace that has the loopback device and nothing else, with a HOME of
# their own and keys that are made up; where such a namespace cannot be had it refuses to start.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n '2,9p' "$0" >&2; exit 64; }

if [ "${DARN_REAL_AGENTS_INSIDE:-}" != 1 ]; then
  map=--map-root-user
  [ "$(id -u)" -ne 0 ] || map=
  # shellcheck disable=SC2086
  unshare --net $map true 2>/dev/null || {
    echo "run.sh: no network namespace of its own can be made here; nothing was started" >&2
    exit 69
  }
  # shellcheck disable=SC2086
  exec env DARN_REAL_AGENTS_INSIDE=1 unshare --net $map "$0" "$@"
fi
exec python3 "$here/run.py" "$@"
