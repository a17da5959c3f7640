#!/bin/sh
# Ends as a program with a bug does.
echo "about to read address 0" >&2
kill -SEGV $$
