"""darn exec at its edges: what somebody finds who does not know how it is made. Whose is what a command
leaves unread, who goes first, and what a clock that jumps does."""

import contextlib
import json
import os
import sqlite3
import subprocess
import time

from conftest import PATIENCE, PROGRAM, until

QUICKLY = ("--backoff", "10ms")
REFUSED = "echo 'curl: (7) Failed to connect: Connection refused' >&2; exit 7"
# Counts its calls in `n` and fails until the third.
FLAKY = f"""\
n=$(($(cat n 2>/dev/null || echo 0) + 1)); echo $n > n
%s
[ $n -ge 3 ] || {{ {REFUSED}; }}
"""


def flaky(darn, work=":"):
    darn.write("flaky.sh", FLAKY % work)
    return ("sh", "flaky.sh")


def call(darn, *args, **more):
    """With bytes, and darn's own descriptors where the test gives some."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
            "stdin": subprocess.DEVNULL if "input" not in more else None} | more
    if "input" in more:
        more.pop("stdin")
    return subprocess.run([PROGRAM, "exec", *map(str, args)], cwd=darn.dir, env=darn.env,
                          timeout=PATIENCE, **more)


def fails(darn, *more, status=1):
    return darn("exec", "--retries", 0, "--breaker", "mirror", *more, "--", "sh", "-c",
                "echo tried >> tries; echo 'Connection refused' >&2; exit 1", status=status)


def test_lines_of_both_streams_stay_in_order(darn):
    program = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    plain = subprocess.run(["sh", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=True).stdout
    assert call(darn, "--", "sh", "-c", program, stderr=subprocess.STDOUT).stdout == plain
    with open(darn.path("log"), "wb") as log:
        call(darn, "--", "sh", "-c", program, stdout=log, stderr=log)
    assert darn.path("log").read_bytes() == plain


def test_the_command_s_words_are_its_own(darn):
    words = ["--", "a", "--json", "", "--retries", "x y", "'", "{}"]
    done = call(darn, "--", "printf", "<%s>", *words)
    assert done.stdout.decode() == "".join(f"<{w}>" for w in words)


def test_a_reader_who_leaves(darn):
    done = subprocess.run(f"{PROGRAM} exec -- yes | head -1; {PROGRAM} exec -- sh -c 'yes >&2' 2>&1 >/dev/null | head -1",
                          shell=True, cwd=darn.dir, env=darn.env, capture_output=True, timeout=PATIENCE)
    assert done.stdout == b"y\ny\n"


def test_a_retry_that_reads_less_or_more(darn):
    work = "if [ $n = 1 ]; then head -c 6000 > a; elif [ $n = 2 ]; then head -c 10 > b; else cat > c; fi"
    data = os.urandom(20000)
    assert call(darn, *QUICKLY, "--", *flaky(darn, work), input=data).returncode == 0
    assert darn.path("c").read_bytes() == data
    assert darn.path("b").read_bytes() == data[:10]


def test_what_a_command_does_not_read_is_left_to_the_next(darn):
    darn.write("each.sh", 'while read -r line; do "$1" exec -- true; echo "$line"; done; '
                          '"$1" exec -- sh -c :')
    done = subprocess.run(["sh", "each.sh", PROGRAM], cwd=darn.dir, env=darn.env, timeout=PATIENCE,
                          input=b"".join(b"line %d\n" % i for i in range(20)), capture_output=True)
    assert done.stdout.decode().split("\n")[:-1] == [f"line {i}" for i in range(20)]
    done = subprocess.run(f"(sh -c 'exec {PROGRAM} exec -- head -c 4'; cat)", shell=True,
                          cwd=darn.dir, env=darn.env, input=b"0123456789", capture_output=True,
                          timeout=PATIENCE)
    assert b"".join(done.stdout.split()).startswith(b"0123")


def test_two_processes_race_for_the_probe(darn):
    for _ in range(5):
        fails(darn, "--breaker-open-for", "200ms")
    time.sleep(0.25)
    racers = [darn.start("exec", "--breaker", "mirror", "--breaker-open-for", "1m", "--retries", 0, "--", "sh", "-c",
                         "echo probe >> probes; while [ ! -e go ]; do sleep 0.02; done")
              for _ in range(6)]
    until("the others are refused",
          lambda: sum(r.process.poll() == 75 for r in racers) == 5)
    darn.write("go", "")
    assert sorted(r.wait().status for r in racers) == [0, 75, 75, 75, 75, 75]
    assert darn.lines("probes") == ["probe"]


def test_a_clock_that_jumps_does_not_keep_it_open(darn):
    for _ in range(5):
        fails(darn, "--breaker-open-for", "200ms")
    with contextlib.closing(sqlite3.connect(darn.home / "state/darn/exec.db")) as db:
        db.execute("UPDATE breakers SET at = at + 1000 * 86400 * 365")
        db.commit()
    until("open for no longer than it is meant to be",
          lambda: darn("exec", "--breaker", "mirror", "--breaker-open-for", "200ms", "--", "true").status == 0, 10)


def test_an_expression_is_of_lines(darn):
    program = "echo x >> n; echo first; echo try again; echo last; exit 1"
    darn("exec", *QUICKLY, "--retries", 2, "--retry-on", "/^try again$/", "--", "sh", "-c", program, status=1)
    assert len(darn.lines("n")) == 3


def test_an_expression_without_anything_to_read_is_refused(darn):
    done = darn("exec", "--capture", "never", "--retry-on", "/again/", "--", "touch", "x", status=64)
    assert done.err.count("\n") == 1 and not darn.path("x").exists()


def test_a_report_file(darn):
    done = darn("exec", "--report", "what.json", "--backoff", "10ms", "--", "sh", "-c", "printf '{\"status\":9}' >&2; exit 3",
                status=3)
    report = json.loads((darn.dir / "what.json").read_text())
    assert (report["status"], report["outcome"], report["attempts"]) == (3, "failed", 2)
    assert "\"history\"" not in done.err
    darn("exec", "--report", "what.json", "--", "true", status=0)
    assert json.loads((darn.dir / "what.json").read_text())["outcome"] == "ok"
    done = darn("exec", "--report", "nowhere/what.json", "--", "touch", "started", status=74)
    assert "cannot write nowhere/what.json" in done.err and not (darn.dir / "started").exists()


def test_shell_text_that_begins_like_an_option(darn):
    done = darn("exec", "--retries", "0", "--fallback", "-no-such-program || echo plan b", "--", "false",
                status=0)
    assert done.out == "plan b\n" and "no-such-program" in done.err
    darn.config("[dev]\nx = '+no-such-program || echo plan b'\n")
    assert darn("dev", "x", status=0).out == "plan b\n"
    done = darn("exec", "--stats", "--report", "r.json", status=64)
    assert "--report is about a command" in done.err and not (darn.dir / "r.json").exists()
