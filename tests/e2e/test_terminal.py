"""darn on a terminal: a pseudo terminal here, with Ctrl-C and hang-up as a person would do them."""

import os
import pty
import re
import select
import signal

import pytest

from conftest import PATIENCE, PROGRAM, until
from test_interrupts import GATE, started


class Terminal:
    """darn as the foreground process of a terminal of its own."""

    def __init__(self, darn, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(darn.dir)
                os.execve(PROGRAM, [str(PROGRAM), *args],
                          darn.env | {"TERM": "xterm", "LANG": "C.UTF-8"})
            finally:
                os._exit(127)
        self.text = ""

    def read(self, seconds=0.05):
        """What has come since; False when nothing more will."""
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.text += data.decode(errors="replace")
        return True

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        until("the terminal is closed by its last program", lambda: not self.read())
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def gate(darn):
    darn.script("gate.sh", GATE)
    return darn


def test_a_line_that_is_redrawn_and_a_summary(darn):
    darn.csv("id,command,retries", ["good", "sleep 0.3", 0], ["bad", "echo oh no; exit 1", 0])
    terminal = Terminal(darn, "run", "tasks.csv")
    assert terminal.end() == 1
    assert re.search(r"\r|\x1b\[2?K", terminal.text), "nothing was redrawn"
    assert "oh no" in terminal.text and "1 of 2 tasks succeeded" in re.sub(r"\x1b\[[0-9;]*m", "",
                                                                           terminal.text)


def test_ctrl_c_is_not_felt_by_the_tasks(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"], ["b", "./gate.sh"])
    terminal = Terminal(darn, "run", "tasks.csv", "-j", "1")
    started(darn, "a")
    terminal.type(b"\x03")
    darn.write("go", "")
    assert terminal.end() == -signal.SIGINT
    assert darn.lines("trace") == ["start.a",
                                   "end.a"], "the task was interrupted, or the next started"
    assert darn.states() == {"a": "succeeded", "b": "ready"}
    darn("resume", status=0)


def test_a_detached_run_survives_its_terminal(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    terminal = Terminal(darn, "run", "tasks.csv", "--detach")
    started(darn, "a")
    assert terminal.end() == 0  # closes it: everybody on it is hung up
    assert darn.status()["state"] == "running"
    darn.write("go", "")
    darn("wait", status=0, timeout=PATIENCE)
    assert darn.lines("trace") == ["start.a", "end.a"]


def test_a_hang_up_interrupts_a_run_that_is_not_detached(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    terminal = Terminal(darn, "run", "tasks.csv")
    started(darn, "a")
    os.close(terminal.fd)
    os.waitpid(terminal.pid, 0)
    assert darn.status()["state"] == "interrupted"
    darn.write("go", "")
    darn("resume", status=0)
    assert darn.states() == {"a": "succeeded"}
