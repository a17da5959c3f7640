#!/bin/sh
# The same for shell scripts: put `darn exec … --` before what is flaky. Output and exit status stay the
# command's own; darn speaks only when something went wrong.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Stands for a package manager on a bad day: works at the third try.
cat >"$work/install" <<'END'
#!/bin/sh
echo x >>"$0.tries"
if [ "$(wc -l <"$0.tries")" -lt 3 ]; then
  echo "curl: (6) Could not resolve host: registry.example.org" >&2
  exit 6
fi
echo "installed 12 packages"
END

# Stands for a mirror that is down, and says so.
cat >"$work/fetch" <<'END'
#!/bin/sh
echo "fetch: connection refused" >&2
exit 1
END
chmod +x "$work/install" "$work/fetch"

echo "1. a network failure is retried, here after 10 and 20 ms:"
darn exec --backoff 10ms,20ms -- "$work/install"

echo "2. what would fail the same way again is not:"
darn exec -- "$work/no-such-program" || echo "   exit status $?, at the first try"

echo "3. and when nothing helps there is something else to do:"
darn exec --retries 1 --backoff 10ms --fallback 'echo "   taken from the cache"' -- "$work/fetch"
