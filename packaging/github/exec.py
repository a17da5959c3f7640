"""The step of the GitHub Action that runs the script: inputs from the environment become the
arguments of `darn exec`, what it reports becomes the step's outputs, its status is this one's.

No input passes through a shell but `run` and `fallback`, which are scripts."""

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile

PREFIX = "DARN_ACTION_"
FLAGS = ("name", "retries", "backoff", "timeout", "deadline", "fallback", "breaker", "breaker-after",
         "breaker-open-for", "budget", "capture")
# As GitHub runs `run:` with a shell of that name.
SHELLS = {"bash": "bash --noprofile --norc -eo pipefail {0}", "sh": "sh -e {0}",
          "python": "python3 {0}"}
OUTPUTS = {"outcome": str, "status": int, "attempts": int, "healed": bool, "category": str,
           "duration_ms": int}
REPORT = b'{"attempts":'  # how the line of --json begins
LONGEST = 1 << 20  # a longer one is not darn's


class Refused(Exception):
    """An input that cannot be."""


def take_inputs(environment):
    """Out of the environment, so that the script has only what is its own there."""
    names = [name for name in environment if name.startswith(PREFIX)]
    return {name[len(PREFIX):].lower().replace("_", "-"): environment.pop(name) for name in names}


def flags(inputs):
    """As --flag=value: a value that begins with a dash stays a value."""
    words = [(flag, inputs[flag].strip()) for flag in FLAGS if inputs.get(flag)]
    words += [("retry-on", line.strip()) for line in inputs.get("retry-on", "").split("\n")]
    for flag, word in words:
        # What darn says of a wrong one must not begin a line, which GitHub may take as a command.
        if flag != "fallback" and not word.isprintable():
            raise Refused(f"{flag} is {word!a}: one line of printable characters")
    given = [f"--{flag}={word}" for flag, word in words if word]
    strict = inputs.get("fail-on-healed", "").lower() or "false"
    if strict not in ("true", "false"):
        raise Refused(f"fail-on-healed is '{strict}': true or false")
    return given + (["--fail-on-healed"] if strict == "true" else [])


def command(shell, script):
    template = SHELLS.get(shell, shell)
    try:
        words = shlex.split(template)
    except ValueError as e:
        raise Refused(f"shell is '{shell}': {e}") from None
    if not any("{0}" in word for word in words):
        raise Refused(f"shell is '{shell}': bash, sh, python, or a command line with {{0}}")
    return [word.replace("{0}", script) for word in words]


def parse_report(line):
    try:
        report = json.loads(line)
    except ValueError:
        return None
    if not isinstance(report, dict):
        return None
    values = [report.get(name) for name in OUTPUTS]
    fits = [type(value) for value in values] == list(OUTPUTS.values()) and all(
        re.fullmatch("[a-z_]+", value) for value in values if isinstance(value, str))
    return report if fits else None


def may_be_report(data):
    """Where the last line turns into what may be darn's report. It need not begin there: nobody has
    to end what he says with a newline."""
    line = data.rfind(b"\n", 0, -1) + 1
    start = data.rfind(REPORT, line)
    if start < 0:
        sizes = range(min(len(REPORT), len(data) - line), 0, -1)
        start = next((len(data) - n for n in sizes if data.endswith(REPORT[:n])), len(data))
    return start if len(data) - start < LONGEST else len(data)


class Relay:
    """Passes standard error on as it comes, but for darn's report at its end."""

    def __init__(self, out):
        self._out, self._held, self._report = out, b"", None

    def write(self, data):
        whole = self._held + data
        start = may_be_report(whole)
        last = whole.rfind(REPORT, 0, start)
        if last >= 0:  # and something follows it
            self._report = parse_report(whole[last:start].partition(b"\n")[0]) or self._report
        self._pass(whole[:start])
        self._held = whole[start:]

    def end(self):
        """The report, or None. What the script left running may have had the last word."""
        report = parse_report(self._held)
        if report is None:
            self._pass(self._held)
        return report or self._report

    def _pass(self, data):
        if data:
            self._out.write(data)
            self._out.flush()


def run(argv, directory):
    """Status and report. A signal is handed on: who cancels the job asks the script to end."""
    relay = Relay(sys.stderr.buffer)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asked = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda n, _: asked.append(n))
    with subprocess.Popen(argv, cwd=directory, stderr=subprocess.PIPE) as darn:
        pipe, ended = darn.stderr.fileno(), False
        os.set_blocking(pipe, False)
        # Until darn has ended, not until the pipe has: what the script left running may hold it.
        while not ended:
            ready, _, _ = select.select([pipe, wake], [], [])
            if wake in ready:
                os.read(wake, 512)
                while asked:
                    darn.send_signal(asked.pop(0))
                ended = darn.poll() is not None
            try:
                data = os.read(pipe, 1 << 20)
            except BlockingIOError:
                continue
            relay.write(data)
            ended = ended or not data
    status = darn.returncode if darn.returncode >= 0 else 128 - darn.returncode
    report = relay.end()
    return status, report if report and report["status"] == status else None


def write_outputs(status, report):
    """Words and numbers only: no value can begin another line."""
    values = report or {"outcome": "failed", "status": status}
    with open(os.environ["GITHUB_OUTPUT"], "a", encoding="ascii") as file:
        for name in OUTPUTS:
            value = values.get(name, "")
            file.write(f"{name}={json.dumps(value) if isinstance(value, bool) else value}\n")


def main():
    inputs = take_inputs(os.environ)
    try:
        if not inputs.get("run", "").strip():
            raise Refused("run is empty")
        directory = inputs.get("working-directory") or "."
        if not os.path.isdir(directory):
            raise Refused(f"working-directory is '{directory}': there is no such directory")
        inputs["name"] = inputs.get("name") or os.environ.get("GITHUB_JOB", "")
        with tempfile.NamedTemporaryFile("w", dir=os.environ.get("RUNNER_TEMP"),
                                         prefix="darn-", encoding="utf-8",
                                         errors="surrogateescape") as script:
            script.write(inputs["run"] + "\n")
            script.flush()
            status, report = run([inputs["darn"], "exec", "--json", *flags(inputs), "--",
                                  *command(inputs.get("shell") or "bash", script.name)], directory)
    except Refused as e:
        text = str(e).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::error title=darn::{text}", flush=True)
        status, report = 64, None
    write_outputs(status, report)
    return status


if __name__ == "__main__":
    sys.exit(main())
