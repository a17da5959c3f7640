#!/bin/sh
# Says something, then nothing more.
echo "waiting for a lock"
exec sleep 1000
