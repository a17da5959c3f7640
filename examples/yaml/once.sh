#!/bin/sh
# once.sh LOCK: fails when somebody else is at it. The pool sees to it that nobody is.
mkdir "$1" || exit 3
sleep 0.2
rmdir "$1"
