#!/bin/sh
# flaky.sh NAME N: fails as a network does until it is called for the N-th time.
count=$(cat ".$1.count" 2>/dev/null || echo 0)
count=$((count + 1))
echo "$count" >".$1.count"
if [ "$count" -lt "$2" ]; then
  echo "$1: connect to 127.0.0.1 port 9: Connection refused" >&2
  exit 1
fi
echo "$1: done at call $count"
