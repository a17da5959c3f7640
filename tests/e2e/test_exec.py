"""darn exec: one command with recovery. From outside it must look as if darn were not there, until
something fails."""

import contextlib
import errno
import hashlib
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import time

import pytest

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


def ledger(darn):
    return darn.home / "state/darn/exec.db"


def uses(darn):
    with contextlib.closing(sqlite3.connect(ledger(darn))) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM uses ORDER BY id")]


def last_json(done):
    return json.loads(done.err.splitlines()[-1])


# --- as if darn were not there


@pytest.mark.parametrize("command", [
    "true", "false", "exit 3", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -INT $$",
    "kill -SEGV $$", "kill -USR1 $$",
])
def test_it_ends_as_the_command_ends(darn, command):
    plain = subprocess.run(["sh", "-c", command], check=False).returncode
    done = call(darn, "--retries", 0, "--", "sh", "-c", command)
    assert done.returncode == plain
    assert (done.stdout, done.stderr) == (b"", b"")


def test_what_cannot_be_started(darn):
    darn.write("plain", "not a program")
    done = darn("exec", "--", "./nowhere", status=127)
    assert "cannot start ./nowhere: No such file" in done.err and done.err.count("\n") == 1
    darn("exec", "--", "./plain", status=126)


def test_bytes_are_the_same(darn):
    data = bytes(range(256)) * 40000 + b"no newline"
    darn.write("data", data)
    copy = call(darn, "--", "cat", "data")
    assert copy.stdout == data and copy.stderr == b""
    to_error = call(darn, "--", "sh", "-c", "cat data >&2")
    assert to_error.stderr == data and to_error.stdout == b""
    assert call(darn, "--", "cat", input=data).stdout == data
    assert call(darn, "--capture", "always", "--", "cat", "data").stdout == data


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


def test_a_background_process_keeps_writing(darn):
    started = time.monotonic()
    done = call(darn, "--", "sh", "-c",
                "(while [ ! -e go ]; do sleep 0.02; done; echo late >&2; echo $? > wrote) & echo early >&2; "
                "(sleep 0.3; touch go) > /dev/null 2>&1 &")
    # The pipe's reader waits for it as it would without darn.
    assert done.stderr == b"early\nlate\n" and done.returncode == 0
    assert time.monotonic() - started < 20
    until("written", lambda: darn.lines("wrote") == ["0"])


# --- recovery


def test_healed_on_the_third_try(darn):
    done = darn("exec", *QUICKLY, "--json", "--", *flaky(darn, "echo out $n"), status=0)
    assert done.out == "out 1\nout 2\nout 3\n"
    assert re.search(r"darn: attempt 1 failed: network \(exit 7, .*\); retry 1 of 5 in ", done.err)
    assert "darn: healed: succeeded at attempt 3" in done.err
    report = last_json(done)
    assert (report["ending"], report["retries"], report["category"]) == ("healed", 2, "network")
    assert [a["exit"] for a in report["attempts"]] == [7, 7, 0] and report["saved_ms"] > 0


def test_fail_on_healed_and_quiet(darn):
    done = darn("exec", *QUICKLY, "--retries", 5, "--fail-on-healed", "-q", "--", *flaky(darn, "exec 2>/dev/null"), status=1)
    assert done.err == ""
    darn("exec", "--fail-on-healed", "--", "true", status=0)


@pytest.mark.parametrize("flags, command, attempts", [
    ((), "exit 1", 2),  # unknown: once
    ((), REFUSED, 6),
    (("--retries", 2), REFUSED, 3),
    (("--retries", 2), "exit 1", 3),
    (("--retries", 0), REFUSED, 1),
    ((), "nosuchprogram", 1),
    (("--retry-on", "75"), "exit 75", 6),
    (("--retry-on", "75"), REFUSED, 1),
    (("--retry-on", "network", "--retry-on", "75"), REFUSED, 6),
    (("--retry-on", "/a.ain$/", "--retries", 1), "echo again; exit 1", 2),
    (("--retry-on", "/never/"), "echo again; exit 1", 1),
    (("--retries", 9, "--deadline", "50ms", "--backoff", "10s"), REFUSED, 1),
])
def test_what_is_tried_again(darn, flags, command, attempts):
    done = darn("exec", *QUICKLY, *flags, "--", "sh", "-c", f"echo x >> n; {command}")
    assert len(darn.lines("n")) == attempts, repr(done)
    assert done.status not in (0, 70)


def test_a_printed_wait_is_kept(darn):
    program = ("[ -e n ] && exit 0; touch n; echo 'HTTP 429 Too Many Requests' >&2; "
               "echo 'Retry-After: 1' >&2; exit 1")
    started = time.monotonic()
    darn("exec", *QUICKLY, "--", "sh", "-c", program, status=0)
    assert 1 <= time.monotonic() - started < 20


def test_a_timeout_ends_the_whole_tree(darn):
    tree = "trap '' TERM; setsid sleep 600 & (sleep 600 & sleep 600) & echo begun >> n; sleep 600"
    done = darn("exec", *QUICKLY, "--retries", 1, "--timeout", "300ms", "--grace", "50ms", "--", "sh",
                "-c", tree, status=124)
    assert darn.lines("n") == ["begun", "begun"]
    assert "timed out after" in done.err
    assert not darn.alive()


def test_the_deadline_ends_a_running_attempt(darn):
    done = darn("exec", "--deadline", "200ms", "--json", "--", "sleep", 600, status=124)
    assert last_json(done)["attempts"][0]["end"] == "deadline"


def test_fallback(darn):
    done = darn("exec", "--retries", 1, *QUICKLY, "--fallback", "echo instead", "--", "sh", "-c",
                "exit 4", status=0)
    assert done.out == "instead\n" and "the fallback did it: 2 attempts failed" in done.err
    assert uses(darn)[-1]["ending"] == "fell_back"
    done = darn("exec", "--retries", 0, "--fallback", "exit 9", "--", "false", status=9)
    assert "the fallback failed, too (exit 9)" in done.err


# --- standard input


def test_a_file_is_read_again_from_where_it_was(darn):
    path = darn.write("input", "skipped\none\ntwo\n")
    with open(path, "rb", buffering=0) as file:
        file.seek(len("skipped\n"))
        done = call(darn, *QUICKLY, "--", *flaky(darn, "cat"), stdin=file)
        assert file.tell() == path.stat().st_size
    assert done.stdout == b"one\ntwo\n" * 3


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 1_000_000])
def test_a_pipe_is_read_again(darn, size):
    data = (b"%08d" * (size // 8 + 1) % tuple(range(size // 8 + 1)))[:size]
    done = call(darn, *QUICKLY, "--", *flaky(darn, "cat > got; cat got | md5sum"), input=data)
    assert darn.path("got").read_bytes() == data
    assert done.stdout.decode().split()[::2] == [hashlib.md5(data).hexdigest()] * 3


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


def test_a_slow_writer_is_waited_for(darn):
    read, write = os.pipe()
    process = subprocess.Popen([PROGRAM, "exec", "--", "sh", "-c", "read a; echo $a; read b; echo $b"],
                               cwd=darn.dir, env=darn.env, stdin=read, stdout=subprocess.PIPE)
    os.close(read)
    os.write(write, b"one\n")
    assert process.stdout.readline() == b"one\n"
    os.write(write, b"two\n")
    assert process.stdout.readline() == b"two\n"
    os.close(write)
    assert process.wait(PATIENCE) == 0
    process.stdout.close()


def test_a_socket_is_read_again(darn):
    ours, theirs = socket.socketpair()
    ours.sendall(b"over a socket")
    ours.shutdown(socket.SHUT_WR)
    done = call(darn, *QUICKLY, "--", *flaky(darn, "cat"), stdin=theirs)
    assert done.stdout == b"over a socket" * 3
    ours.close()
    theirs.close()


# --- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_both_and_nothing_is_tried_again(darn, number):
    live = darn.start("exec", *QUICKLY, "--", "sh", "-c",
                      "trap - INT QUIT; echo x >> n; while :; do sleep 0.02; done")
    until("it runs", lambda: darn.lines("n"))
    live.signal(number)
    assert live.wait().status == -number
    assert darn.lines("n") == ["x"]
    assert uses(darn)[-1]["ending"] == "interrupted"


def test_a_signal_is_handed_on_once(darn):
    darn.write("traps.py", "import signal, time\n"
               "for s in (10, 12, 15): signal.signal(s, lambda n, f: print(n, flush=True))\n"
               "print('ready', flush=True)\n"
               "import os\nwhile not os.path.exists('stop'): time.sleep(0.02)\n")
    live = darn.start("exec", "--", "/usr/bin/python3", "traps.py")
    until("ready", lambda: "ready" in live.out)
    for n, number in enumerate((signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM), 2):
        live.signal(number)
        until("handed on", lambda n=n: len(live.out.split()) == n)
    darn.write("stop", "")
    assert live.wait().status == 0
    assert live.out.split() == ["ready", "10", "12", "15"]


def test_an_interrupt_while_waiting(darn):
    live = darn.start("exec", "--backoff", "1h", "--", "sh", "-c", REFUSED)
    until("it waits", lambda: "retry 1 of 5" in live.err)
    live.signal(signal.SIGINT)
    assert live.wait().status == -signal.SIGINT


def test_kill_9_takes_the_command_along(darn):
    live = darn.start("exec", "--breaker", "b", "--", "sh", "-c",
                      "echo $$ > pid; while :; do sleep 0.02; done")
    until("it runs", lambda: darn.lines("pid"))
    live.signal(signal.SIGKILL)
    live.wait()
    until("the command is gone", lambda: not darn.alive())


# --- on a terminal


class Shell:
    """An interactive shell with job control on a terminal of its own."""

    def __init__(self, darn):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(darn.dir)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      darn.env | {"TERM": "dumb", "PS1": "$ ", "D": str(PROGRAM), "LANG": "C"})
        self.text = ""

    def type(self, keys):
        os.write(self.fd, keys)

    def sees(self, what):
        def look():
            while select.select([self.fd], [], [], 0)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError as e:
                    assert e.errno == errno.EIO
                    break
            found = self.text.find(what)
            if found >= 0:
                self.text = self.text[found + len(what):]
            return found >= 0
        try:
            until(what, look)
        except BaseException:
            print(self.text)
            raise

    def end(self):
        with contextlib.suppress(OSError):
            self.type(b"exit\n")
        until("the shell ends", lambda: os.waitpid(self.pid, os.WNOHANG)[0])
        os.close(self.fd)


@pytest.fixture
def terminal(darn):
    shell = Shell(darn)
    yield shell
    shell.end()


def test_a_terminal_stays_one(darn, terminal):
    terminal.type(b"$D exec -- sh -c 'test -t 0 && test -t 1 && test -t 2 && echo all-th''ree'\n")
    terminal.sees("all-three")
    terminal.type(b"$D exec -- sh -c 'read x; echo \"<$x>\"'\n")
    time.sleep(0.1)
    terminal.type(b"typed\n")
    terminal.sees("<typed>")


def test_ctrl_c(darn, terminal):
    terminal.type(b"$D exec -- sh -c 'echo $$ > pid; exec sleep 600'; echo st=$?\n")
    until("it runs", lambda: darn.lines("pid"))
    terminal.type(b"\x03")
    terminal.type(b"echo st''atus=$?\n")
    terminal.sees("status=130")
    assert uses(darn)[-1]["ending"] == "interrupted"


def test_ctrl_z_and_fg(darn, terminal):
    terminal.type(b"$D exec --timeout 1m -- sh -c 'echo $$ > pid; while [ ! -e go ]; do sleep 0.02; done; "
                  b"echo went-o''n'\n")
    until("it runs", lambda: darn.lines("pid"))
    terminal.type(b"\x1a")
    terminal.sees("Stopped")
    terminal.type(b"fg\n")
    darn.write("go", "")
    terminal.sees("went-on")


# --- what processes share


def fails(darn, *more, status=1):
    return darn("exec", "--retries", 0, "--breaker", "mirror", *more, "--", "sh", "-c",
                "echo tried >> tries; echo 'Connection refused' >&2; exit 1", status=status)


def test_an_open_breaker_starts_nothing(darn):
    for _ in range(5):
        fails(darn)
    done = fails(darn, status=75)
    assert len(darn.lines("tries")) == 5
    assert "breaker 'mirror' is open until" in done.err and "--reset mirror" in done.err
    assert done.err.count("\n") == 1
    assert "breaker mirror: open until" in darn("exec", "--breakers", status=0).out
    done = darn("exec", "--breaker", "mirror", "--fallback", "echo cached", "--", "true", status=0)
    assert done.out == "cached\n"
    darn("exec", "--breaker", "other", "--", "true", status=0)
    darn("exec", "--reset", "mirror", status=0)
    darn("exec", "--breaker", "mirror", "--", "true", status=0)
    darn("exec", "--reset", "nothing", status=64)


def test_retries_end_when_the_breaker_opens(darn):
    done = darn("exec", *QUICKLY, "--retries", 50, "--breaker", "mirror", "--", "sh", "-c", REFUSED, status=7)
    assert "breaker 'mirror' has opened" in done.err
    assert done.err.count("attempt") <= 6


def test_half_open_lets_one_of_two_through(darn):
    for _ in range(5):
        fails(darn, "--breaker-open", "300ms")
    time.sleep(0.35)
    probe = darn.start("exec", "--breaker", "mirror", "--breaker-open", "300ms", "--", "sh", "-c",
                       "touch probing; while [ ! -e go ]; do sleep 0.02; done")
    until("it tries", lambda: darn.path("probing").exists())
    fails(darn, "--breaker-open", "300ms", status=75)
    darn.write("go", "")
    assert probe.wait().status == 0
    fails(darn, "--breaker-open", "300ms")  # closed again: it is started


def test_two_processes_race_for_the_probe(darn):
    for _ in range(5):
        fails(darn, "--breaker-open", "200ms")
    time.sleep(0.25)
    racers = [darn.start("exec", "--breaker", "mirror", "--breaker-open", "1m", "--retries", 0, "--", "sh", "-c",
                         "echo probe >> probes; while [ ! -e go ]; do sleep 0.02; done")
              for _ in range(6)]
    until("the others are refused",
          lambda: sum(r.process.poll() == 75 for r in racers) == 5)
    darn.write("go", "")
    assert sorted(r.wait().status for r in racers) == [0, 75, 75, 75, 75, 75]
    assert darn.lines("probes") == ["probe"]


def test_a_clock_that_jumps_does_not_keep_it_open(darn):
    for _ in range(5):
        fails(darn, "--breaker-open", "200ms")
    with contextlib.closing(sqlite3.connect(ledger(darn))) as db:
        db.execute("UPDATE breakers SET at = at + 1000 * 86400 * 365")
        db.commit()
    until("open for no longer than it is meant to be",
          lambda: darn("exec", "--breaker", "mirror", "--breaker-open", "200ms", "--", "true").status == 0, 10)


def test_a_budget_is_shared(darn):
    for _ in range(2):
        darn("exec", *QUICKLY, "--retries", 6, "--budget", "b", "--", "sh", "-c",
             "echo x >> n; exit 1", status=1)
    # Ten retries for the two of them; the refill of a second is none.
    assert len(darn.lines("n")) == 2 + 10
    assert re.search(r"budget b: 0\.\d of 10", darn("exec", "--breakers", status=0).out)


# --- the record


def test_stats(darn):
    darn("exec", *QUICKLY, "--name", "fetch", "--", *flaky(darn), status=0)
    darn("exec", "--name", "fetch", "--", "true", status=0)
    darn("exec", "--name", "fetch", "--retries", 0, "--", "false", status=1)
    darn("exec", "--", "/bin/echo", "a-secret", status=0)
    [echo, fetch] = sorted(darn("exec", "--stats", "--json", status=0).json(), key=lambda s: s["name"])
    assert (fetch["uses"], fetch["failed_first"], fetch["healed"], fetch["gave_up"]) == (3, 2, 1, 1)
    assert (fetch["mean_retries"], fetch["max_retries"]) == (2, 2) and fetch["saved_ms"] > 0
    assert echo["name"] == "echo"
    [only] = darn("exec", "--stats", "--name", "fetch", "--json", status=0).json()
    assert only["name"] == "fetch"
    table = darn("exec", "--stats", status=0).out
    assert re.search(r"^fetch +3 +2 \(67%\) +1 +2\.0/2 +1 ", table, re.M), table
    assert b"a-secret" not in b"".join(p.read_bytes() for p in ledger(darn).parent.iterdir())


def test_the_record_is_private(darn):
    darn("exec", "--", "true", status=0)
    assert ledger(darn).stat().st_mode & 0o777 == 0o600
    assert ledger(darn).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("harm", ["damaged", "folder", "locked"])
def test_without_the_record_the_command_runs(darn, harm):
    ledger(darn).parent.mkdir(parents=True)
    busy = None
    if harm == "damaged":
        ledger(darn).write_bytes(b"this is no database" * 1000)
    elif harm == "folder":
        ledger(darn).mkdir()
    else:
        darn("exec", "--", "true", status=0)
        busy = sqlite3.connect(ledger(darn))
        busy.execute("BEGIN EXCLUSIVE")
    done = darn("exec", "--breaker", "b", "--budget", "b", "--", "echo", "runs", status=0)
    assert done.out == "runs\n"
    assert done.err.startswith("darn: warning: ") and done.err.count("\n") == 1, done.err
    if busy:
        busy.close()


def test_the_record_is_pruned(darn):
    darn("exec", "--", "true", status=0)
    with contextlib.closing(sqlite3.connect(ledger(darn))) as db:
        columns = "name, program, ending, attempts, failed_first, category, rule, status, signal, took, ran, saved"
        db.execute(f"INSERT INTO uses ({columns}, began) SELECT {columns}, 0 FROM uses")
        db.execute("UPDATE uses SET id = id + 61")  # the next but one is the 64th
        db.commit()
    darn("exec", "--", "true", status=0)
    assert len(uses(darn)) == 2


def test_the_summary_of_a_step(darn):
    summary = darn.path("summary")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    darn("exec", "--", "true", status=0, env=env)
    assert not summary.exists()
    darn("exec", *QUICKLY, "--name", "fetch", "--", *flaky(darn), status=0, env=env)
    assert re.fullmatch(r"- `darn exec` \*\*fetch\*\*: healed by 2 retries \(network\), .*\n", summary.read_text())


# --- wrong usage


@pytest.mark.parametrize("args", [
    (), ("--",), ("true",), ("--retries", "-1", "--", "touch", "x"),
    ("--backoff", "soon", "--", "touch", "x"), ("--retry-on", "bogus", "--", "touch", "x"),
    ("--retry-on", "/(/", "--", "touch", "x"), ("--timeout", "x", "--", "touch", "x"),
    ("--stats", "--", "touch", "x"), ("--capture", "never", "--retry-on", "/a/", "--", "touch", "x"),
    ("--name", "a\nb", "--", "touch", "x"), ("--nonsense", "--", "touch", "x"),
])
def test_wrong_usage_is_one_line_and_starts_nothing(darn, args):
    done = darn("exec", *args, status=64)
    assert done.err.count("\n") == 1 and done.out == ""
    assert not darn.path("x").exists()
