#!/bin/sh
# Busy at first: exit status 77. A rule in batch.yaml says that this is worth a retry.
[ -e .licence ] && exit 0
: >.licence
exit 77
