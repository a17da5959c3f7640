#!/bin/sh
# Is told to come back in a second, and does well when it comes back.
if [ ! -e .limited ]; then
  : >.limited
  echo "HTTP/1.1 429 Too Many Requests"
  echo "Retry-After: 1"
  exit 1
fi
echo "accepted"
