"""darn exec: the command is as it would be without darn: its status, its streams, its signals, its
terminal, and the same input each time it is tried again."""

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from conftest import PATIENCE, PROGRAM, until
from exec_help import PY, QUICKLY, ex, raw, sleeps, state_of, stats
from test_terminal import Terminal


# As if darn were not there.


def test_nothing_is_said_of_what_succeeds_at_once(darn):
    done = ex(darn, "--", "sh", "-c", "echo out; echo err >&2", status=0)
    assert (done.out, done.err) == ("out\n", "err\n")


@pytest.mark.parametrize("command", ["exit 0", "exit 1", "exit 3", "exit 255", "kill -TERM $$",
                                     "kill -KILL $$", "kill -SEGV $$", "kill -PIPE $$"])
def test_the_status_is_the_command_s(darn, command):
    plain = subprocess.run(["sh", "-c", command]).returncode
    assert ex(darn, "--retries", "0", "--", "sh", "-c", command).status == plain


def test_what_cannot_be_started(darn):
    darn.write("text", "#!/bin/sh\n")
    assert ex(darn, "--", "nosuch-program").status == 127
    assert ex(darn, "--", "./text").status == 126
    assert ex(darn, "--", ".").status == 126
    darn.write("plain", "echo by sh\n", 0o755)
    assert ex(darn, "--", "./plain", status=0).out == "by sh\n", "no #!: sh runs it, as execvp does"


@pytest.mark.parametrize("capture", ["auto", "always", "never"])
def test_bytes_stay_as_they_are(darn, capture):
    data = os.urandom(10_000_000)
    darn.write("data", data)
    with open(darn.path("data"), "rb") as file:
        done = raw(darn, "--capture", capture, "--", "cat", stdin=file)
    assert done.stdout == data and done.stderr == b""
    done = raw(darn, "--capture", capture, "--", "sh", "-c", "cat >&2", input=data)
    assert done.stderr == data and done.stdout == b""


def test_arguments_and_surroundings(darn):
    done = ex(darn, "--", PY, "-c", "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['V'])",
              "--", "-x", "", "a b", "--json", env={"V": "1"}, status=0)
    assert done.out == f"{['--', '-x', '', 'a b', '--json']} {darn.dir} 1\n"


def test_signals_are_set_as_they_were(darn):
    show = "import re; print(re.findall('Sig(?:Blk|Ign|Cgt).*', open('/proc/self/status').read()))"
    plain = subprocess.run([PY, "-c", show], capture_output=True, text=True).stdout
    assert ex(darn, "--", PY, "-c", show, status=0).out == plain
    ignoring = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]
    plain = subprocess.run([*ignoring, PY, "-c", show], capture_output=True, text=True).stdout
    done = subprocess.run([*ignoring, PROGRAM, "exec", "--", PY, "-c", show], env=darn.env,
                          capture_output=True, text=True)
    assert done.stdout == plain


def test_descriptors_are_passed_on_and_none_of_darn_s(darn):
    show = "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> .*/\\1/p' | sort | tr '\\n' ' '"
    for flags in ((), ("--breaker", "b", "--budget", "b")):
        done = subprocess.run(["sh", "-c", f'"$@" 5< /dev/null', "sh", PROGRAM, "exec", *flags, "--",
                               "sh", "-c", show], env=darn.env, cwd=darn.dir, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL)
        assert done.stdout.split() == ["0", "1", "2", "3", "5"], "3 is ls's own"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT,
                                    signal.SIGUSR1])
def test_signals_reach_the_command(darn, number):
    wait = darn.script("wait", f'trap "echo got >> seen; exit 9" {number.name[3:]}\n'
                               "echo > ready; while :; do sleep 0.02; done\n")
    retries = "0" if number == signal.SIGUSR1 else "5"
    live = darn.start("exec", *QUICKLY, "--retries", retries, "--", wait)
    until("it is ready", lambda: darn.path("ready").exists())
    live.signal(number)
    done = live.wait()
    assert done.status == 9 and darn.lines("seen") == ["got"], "asked to end: no retry"


def test_a_signal_that_ends_the_command_ends_darn(darn):
    live = darn.start("exec", *QUICKLY, "--", "sh", "-c", "echo > ready; exec sleep 60")
    until("it is ready", lambda: darn.path("ready").exists())
    live.signal(signal.SIGTERM)
    assert live.wait().status == -signal.SIGTERM
    assert stats(darn)["sh"]["outcomes"] == {"interrupted": 1}


@pytest.mark.parametrize("capture", ["auto", "always"])
def test_last_words_after_a_signal_are_heard(darn, capture):
    code = ("import signal, sys, time\n"
            "def end(*a): sys.stderr.write('x' * 500_000 + 'end'); sys.stderr.flush(); sys.exit(3)\n"
            "signal.signal(15, end)\nopen('ready', 'w')\ntime.sleep(60)\n")
    live = darn.start("exec", "--capture", capture, "--", PY, "-c", code)
    until("it is ready", lambda: darn.path("ready").exists())
    live.signal(signal.SIGTERM)
    assert live.wait().status == 3
    assert live.err.startswith("x" * 500_000 + "end")


def test_a_reader_who_does_not_read_holds_no_signal_up(darn):
    process = subprocess.Popen([PROGRAM, "exec", "--capture", "always", "--", "yes"], env=darn.env,
                               cwd=darn.dir, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    until("the pipe is full", lambda: sleeps(process.pid, "yes"))
    process.send_signal(signal.SIGTERM)
    # It has said more than anybody reads: a second one ends the wait for the reader.
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGTERM
    process.stdout.close()


def test_a_signal_during_the_wait(darn):
    live = darn.start("exec", "--backoff", "60s", "--", "false")
    until("it waits", lambda: "retry 1" in live.err)
    live.signal(signal.SIGINT)
    assert live.wait().status == -signal.SIGINT


def test_a_killed_darn_takes_the_command_along(darn):
    live = darn.start("exec", "--", "sh", "-c", "echo > ready; exec sleep 60")
    until("it is ready", lambda: darn.path("ready").exists())
    live.signal(signal.SIGKILL)
    live.wait()
    until("nothing is left", lambda: not darn.alive())


def test_a_command_in_the_background_goes_on_and_is_heard(darn):
    began = time.monotonic()
    done = subprocess.run(["sh", "-c", f'"{PROGRAM}" exec -- sh -c "(sleep 0.5; echo late >&2) &" 2>err;'
                                       "cat err; sleep 1; cat err"],
                          env=darn.env, cwd=darn.dir, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    assert done.stdout == "late\n" and time.monotonic() - began < 5


def test_a_reader_who_goes_away(darn):
    done = subprocess.run(["bash", "-c", f'"{PROGRAM}" exec --retries 0 --capture always -- yes | head -1;'
                                         'echo ${PIPESTATUS[0]}'], env=darn.env, cwd=darn.dir,
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.split() == ["y", "141"]


# On a terminal.


def test_a_terminal_stays_one(darn):
    look = "import os; print([os.isatty(i) for i in range(3)], os.getpgrp() == os.tcgetpgrp(0))"
    terminal = Terminal(darn, "exec", "--", PY, "-c", look)
    assert terminal.end() == 0
    assert terminal.text == "[True, True, True] True\r\n"


def test_ctrl_c_is_felt_once_and_not_retried(darn):
    code = ("import signal, time\nsignal.signal(2, lambda *a: open('seen', 'a').write('x'))\n"
            "open('ready', 'w')\n"
            "while not __import__('os').path.exists('seen'): time.sleep(0.02)\n"
            "time.sleep(0.3)\nraise SystemExit(5)\n")
    terminal = Terminal(darn, "exec", *QUICKLY, "--", PY, "-c", code)
    until("it is ready", lambda: terminal.read() and darn.path("ready").exists())
    terminal.type(b"\x03")
    assert terminal.end() == 5
    assert darn.path("seen").read_text() == "x" and "retry" not in terminal.text


def test_ctrl_c_ends_darn_by_the_same_signal(darn):
    terminal = Terminal(darn, "exec", "--", "sh", "-c", "echo > ready; exec sleep 60")
    until("it is ready", lambda: terminal.read() and darn.path("ready").exists())
    terminal.type(b"\x03")
    assert terminal.end() == -signal.SIGINT


def test_ctrl_z_stops_both_and_cont_goes_on(darn):
    # A shell with jobs in between: without one, the terminal's only group could not be stopped.
    terminal = Terminal.__new__(Terminal)
    terminal.pid, terminal.fd = pty.fork()
    if terminal.pid == 0:
        os.chdir(darn.dir)
        os.execvpe("bash", ["bash", "--norc", "-i"], darn.env | {"PS1": "$ ", "TERM": "dumb"})
    terminal.text = ""
    code = "echo $$ > child; while [ ! -e go ]; do sleep 0.05; done; echo went on"
    terminal.type(f"{PROGRAM} exec --timeout 30s -- sh -c '{code}'; echo status $?\n".encode())
    until("it runs", lambda: terminal.read() and darn.path("child").exists()
          and darn.path("child").read_text())
    child = int(darn.path("child").read_text())
    parent = int(open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()[1])
    terminal.type(b"\x1a")
    until("both are stopped", lambda: terminal.read() and state_of(child) == state_of(parent) == "T")
    terminal.type(b"fg\n")
    until("both go on", lambda: terminal.read() and "T" not in (state_of(child), state_of(parent)))
    darn.write("go", "")
    until("it ends", lambda: terminal.read() and "went on" in terminal.text.split("fg")[-1])
    terminal.type(b"exit\n")
    terminal.end()


# The input.

# Reads so many bytes and fails; the third time, what is left goes to standard output.
HALF = """\
import os, sys
left = int(sys.argv[1])
while left > 0:
    part = os.read(0, min(left, 65536))
    if not part:
        break
    left -= len(part)
with open("tries", "a") as tries:
    tries.write("x")
if os.path.getsize("tries") < 3:
    sys.exit(75)
os.execvp("cat", ["cat"])
"""


@pytest.fixture
def reading(darn):
    darn.write("half.py", HALF)
    return darn


@pytest.mark.parametrize("read", [0, 1, 5000, 1 << 20, 3_000_000])
@pytest.mark.parametrize("kind", ["file", "pipe", "socket"])
def test_a_retried_command_reads_the_same_input(reading, kind, read):
    data = os.urandom(2_000_000)
    args = (*QUICKLY, "--", PY, "half.py", read)
    if kind == "pipe":
        done = raw(reading, *args, input=data)
    elif kind == "file":
        reading.write("data", b"skip" + data)
        with open(reading.path("data"), "rb", buffering=0) as file:
            file.read(4)
            done = raw(reading, *args, stdin=file)
    else:
        ours, theirs = socket.socketpair()
        feeder = threading.Thread(target=lambda: (ours.sendall(data), ours.close()))
        feeder.start()
        done = raw(reading, *args, stdin=theirs)
        feeder.join()
    assert done.returncode == 0, done.stderr
    assert done.stdout == data[read:]


def test_a_slow_writer_is_heard_at_once(darn):
    process = subprocess.Popen([PROGRAM, "exec", "--", "cat"], env=darn.env, cwd=darn.dir,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    for word in (b"one\n", b"two\n"):
        process.stdin.write(word)
        assert process.stdout.readline() == word
    process.stdin.close()
    assert process.wait(PATIENCE) == 0


def test_nobody_after_darn_misses_a_byte(darn):
    """The trap of ssh in a `while read` loop."""
    done = subprocess.run(["sh", "-c", f'printf "a\\nb\\nc\\n" | while read x; do "{PROGRAM}" exec -- '
                                       'echo "got $x"; done'],
                          env=darn.env, cwd=darn.dir, capture_output=True, text=True)
    assert done.stdout == "got a\ngot b\ngot c\n"
    done = subprocess.run(["sh", "-c", f'seq 100000 | {{ "{PROGRAM}" exec -- {PY} -c '
                                       '"import os; os.read(0, 100)"; wc -c; }'],
                          env=darn.env, cwd=darn.dir, capture_output=True, text=True)
    total = sum(len(f"{i}\n") for i in range(1, 100_001))
    assert int(done.stdout) == total - 100


def test_an_input_that_stays_open_holds_nothing_up(darn):
    process = subprocess.Popen([PROGRAM, "exec", "--", "true"], env=darn.env, cwd=darn.dir,
                               stdin=subprocess.PIPE)
    assert process.wait(PATIENCE) == 0
    process.stdin.close()


def test_too_much_input_to_be_kept(darn):
    done = subprocess.run(["sh", "-c", f'head -c 70000000 /dev/zero | "{PROGRAM}" exec --backoff 10ms -- '
                                       'sh -c "cat > /dev/null; exit 75"'],
                          env=darn.env, cwd=darn.dir, capture_output=True, text=True)
    assert done.returncode == 75 and "too much to be kept" in done.stderr
    assert len(done.stderr.splitlines()) == 1
