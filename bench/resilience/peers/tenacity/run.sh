#!/bin/bash
# run.sh: what one call costs through tenacity, one line of JSON a case; 69 when it can't be had here.
set -eu
cd "$(dirname "$0")"
build=$(realpath ../../../..)/build/bench-peers/tenacity
cannot() { echo "tenacity: $*" >&2; exit 69; }

command -v python3 >/dev/null || cannot "needs python3"
python3 -m venv "$build" >&2 || cannot "python3 could not make a venv"
"$build/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt >&2 ||
  cannot "pip could not install the packages of requirements.txt"
exec "$build/bin/python" bench.py
