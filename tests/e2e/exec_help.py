"""What the tests of darn exec have in common."""

import json
import subprocess
import sys

import pytest

from conftest import PATIENCE, PROGRAM

PY = sys.executable

# Fails as a network does until it was started so often.
FLAKY = """\
echo x >> "$1"
[ "$(wc -l < "$1")" -ge "$2" ] || { echo "connect: Connection refused" >&2; exit 7; }
"""
QUICKLY = ("--backoff", "10ms")


@pytest.fixture
def flaky(darn):
    darn.script("flaky", FLAKY)
    return darn


def ex(darn, *args, **more):
    """darn exec FLAGS… -- COMMAND…; bytes are compared by the caller."""
    return darn("exec", *args, **more)


def raw(darn, *args, stdin=subprocess.DEVNULL, input=None, env=None, **more):
    """The same with bytes."""
    return subprocess.run([PROGRAM, "exec", *map(str, args)], cwd=darn.dir, env=darn._env(env),
                          stdin=None if input is not None else stdin, input=input,
                          capture_output=True, timeout=PATIENCE, **more)


def stats(darn, name=None):
    args = ("--name", name) if name else ()
    return {s["name"]: s for s in ex(darn, "--stats", "--json", *args, status=0).json()}


def last_json(done):
    return json.loads(done.err.splitlines()[-1])


def state_of(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


def sleeps(pid, program):
    """A child of that name that waits for something."""
    kids = open(f"/proc/{pid}/task/{pid}/children").read().split()
    return any(open(f"/proc/{kid}/comm").read().strip() == program and state_of(kid) == "S"
               for kid in kids)
