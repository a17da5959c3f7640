"""What the tests of the program from outside share: darn in a directory of its own, with its own
home and short waits, and the proof at each test's end that no process was left behind."""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

# Under nohup a hang-up is ignored, and so it would be by every program that is tested.
signal.signal(signal.SIGHUP, signal.SIG_DFL)



def pytest_make_parametrize_id(config, val, argname):
    """Short names: pytest hands a test's name to its programs, and the environment has its limits."""
    text = val if isinstance(val, str) else repr(val)
    return f"{text[:30]!a}-{len(text)}" if len(text) > 40 else None


ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("DARN") or ROOT / "build/dev/darn").resolve()
PATIENCE = 60  # seconds until a test gives up; nothing is expected to take that long

# The user's configuration in every test: what darn does by default, with short waits.
QUICK = """\
[run]
grace = "500ms"
cycle_wait_limited = "50ms"

[policy]
rest_without_hint = "50ms"

[policy.network]
backoff = ["20ms"]
[policy.rate_limit]
backoff = ["20ms"]
[policy.resource]
backoff = ["20ms"]
[policy.timeout]
backoff = ["20ms"]
[policy.transient]
backoff = ["20ms"]
[policy.unknown]
backoff = ["20ms"]
"""


def until(what, condition, seconds=PATIENCE):
    """Waits for a condition of files or of darn's own state, and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


def processes_with(marker):
    """Pids of living processes that have `marker` in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass  # gone, or somebody else's
    return found


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0",
                                                                 b" ").decode(errors="replace")
    except OSError:
        return ""


class Done:
    """A finished call: status, out, err."""

    def __init__(self, args, status, out, err):
        self.args, self.status, self.out, self.err = args, status, out, err

    def json(self):
        return json.loads(self.out)

    def jsonl(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return (f"darn {' '.join(map(str, self.args))}\nstatus {self.status}\n"
                f"--- stdout\n{self.out[-6000:]}\n--- stderr\n{self.err[-6000:]}")


class Live:
    """A darn that goes on in the background; its output goes to files."""

    def __init__(self, args, process, out, err):
        self.args, self.process, self._out, self._err = args, process, out, err

    @property
    def out(self):
        return self._out.read_text(errors="replace")

    @property
    def err(self):
        return self._err.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"did not end within {seconds} s\n{self.done()!r}")
        return self.done()

    def done(self):
        return Done(self.args, self.process.returncode, self.out, self.err)


class Darn:
    def __init__(self, tmp_path):
        self.dir = tmp_path / "w"
        self.home = tmp_path / "home"
        self.talk = tmp_path / "talk"
        for path in (self.dir, self.home / "config/darn", self.talk):
            path.mkdir(parents=True)
        self.marker = f"DARN_E2E={tmp_path}"
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("DARN", "XDG_")) and k.lower() != "http_proxy"}
        self.env |= {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"),
                     "XDG_DATA_HOME": str(self.home / "data"),
                     "XDG_STATE_HOME": str(self.home / "state"), "DARN_E2E": str(tmp_path)}
        self.user_config(QUICK)
        self._started = 0

    # files

    def path(self, name):
        return self.dir / name

    def write(self, name, text, mode=None):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        if mode:
            path.chmod(mode)
        return path

    def script(self, name, text):
        """A shell script in the working directory."""
        return self.write(name, "#!/bin/sh\n" + text, 0o755)

    def csv(self, columns, *rows, name="tasks.csv"):
        """A task file; columns as one string with commas."""
        text = io.StringIO()
        out = csv.writer(text, lineterminator="\n")
        out.writerow(columns.split(","))
        out.writerows(rows)
        return self.write(name, text.getvalue())

    def config(self, text):
        self.write("darn.toml", text)

    def user_config(self, text):
        (self.home / "config/darn/config.toml").write_text(text)

    def lines(self, name):
        path = self.dir / name
        return path.read_text().splitlines() if path.exists() else []

    @property
    def state(self):
        return self.dir / ".darn"

    # calls

    def _env(self, env):
        return self.env | (env or {})

    def __call__(self, *args, status=None, input=None, env=None, cwd=None, timeout=PATIENCE):
        """Runs darn to its end; `status` is what its exit status has to be."""
        args = [str(a) for a in args]
        try:
            done = subprocess.run([PROGRAM, *args], cwd=cwd or self.dir, env=self._env(env),
                                  stdin=subprocess.DEVNULL if input is None else None,
                                  input=input, capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            pytest.fail(f"darn {' '.join(args)} did not end within {timeout} s\n"
                        f"{(e.stdout or b'')[-3000:]!r}\n{(e.stderr or b'')[-3000:]!r}")
        result = Done(args, done.returncode, done.stdout.decode(errors="replace"),
                      done.stderr.decode(errors="replace"))
        if status is not None:
            assert result.status == status, repr(result)
        return result

    def start(self, *args, env=None):
        args = [str(a) for a in args]
        self._started += 1
        out, err = self.talk / f"{self._started}.out", self.talk / f"{self._started}.err"
        with open(out, "wb") as o, open(err, "wb") as e:
            process = subprocess.Popen([PROGRAM, *args], cwd=self.dir, env=self._env(env),
                                       stdin=subprocess.DEVNULL, stdout=o, stderr=e)
        return Live(args, process, out, err)

    def run(self, *args, status=0, **more):
        return self("run", *args, status=status, **more)

    def status(self, run="last", *flags):
        return self("status", run, "--json", *flags, status=0).json()

    def tasks(self, run="last"):
        return {t["id"]: t for t in self.status(run)["tasks"]}

    def states(self, run="last"):
        return {i: t["state"] for i, t in self.tasks(run).items()}

    def runs(self):
        """All runs, also when there is no state directory yet."""
        if not (self.state / "darn.db").exists():
            return []
        return self("runs", "--json", status=0).json()

    def explain(self, task, run="last"):
        return self("explain", run, task, "--json", status=0).json()

    def log(self, task, *flags, run="last"):
        return self("log", run, task, *flags, status=0).out

    def batches(self):
        return sorted(p for p in (self.state / "batches").glob("batch-*") if p.is_dir())

    # processes

    def alive(self):
        return processes_with(self.marker.encode())

    def kill_all(self):
        """Until two readings find nobody: a process can be born behind the back of one."""
        clean = 0
        while clean < 2:
            pids = self.alive()
            clean = 0 if pids else clean + 1
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def darn(tmp_path):
    assert PROGRAM.exists(), f"no program at {PROGRAM}: build darn, or set DARN"
    instance = Darn(tmp_path)
    yield instance
    left = []
    end = time.monotonic() + 10
    while time.monotonic() < end:
        left = instance.alive()
        if not left:
            return
        time.sleep(0.02)
    what = [f"{pid}: {command_line(pid)}" for pid in left]
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    pytest.fail("left behind:\n" + "\n".join(what))


class Api:
    """An HTTP server on the loopback interface. `answers[path]` is what its requests get, in turn
    (status, headers); after that 200. It remembers who came when, and when it answered."""

    def __init__(self):
        self.answers = {}
        self.seen = []  # (path, time at arrival, status, time after the answer)
        self._lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                arrived = time.monotonic()
                with api._lock:
                    todo = api.answers.get(self.path, [])
                    status, headers = todo.pop(0) if todo else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
                with api._lock:
                    api.seen.append((self.path, arrived, status, time.monotonic()))

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


# Asks the server once and says what it said, as programs do; status 22 on an error, as curl -f.
CLIENT = r"""
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=20)
    print("200 OK")
except urllib.error.HTTPError as e:
    print(f"HTTP/1.1 {e.code} {e.reason}")
    print(e.headers, end="")
    sys.exit(22)
"""


@pytest.fixture
def api(darn):
    server = Api()
    darn.write("get.py", CLIENT)
    yield server
    server.close()


# Text for people must not carry what a task may have put into it.
ESCAPES = re.compile(r"\x1b|\x07|\x08|\r")
