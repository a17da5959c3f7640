#!/bin/bash
# run.sh: what one call costs through cockatiel, one line of JSON a case; 69 when it can't be had here.
set -eu
cd "$(dirname "$0")"
build=$(realpath ../../../..)/build/bench-peers/cockatiel
cannot() { echo "cockatiel: $*" >&2; exit 69; }

command -v npm >/dev/null || cannot "needs node and npm"
mkdir -p "$build"
cp package.json package-lock.json bench.mjs "$build"
cd "$build"
npm ci --loglevel=error --no-audit --no-fund >&2 ||
  cannot "npm could not install the packages of package-lock.json"
# The node that is installed beside it: cockatiel 4 asks for 22 or newer, which many systems lack, and
# its timeout takes half as long there as on 20.
[ -x node_modules/.bin/node ] || cannot "npm installed no node (are install scripts switched off?)"
exec node_modules/.bin/node bench.mjs
