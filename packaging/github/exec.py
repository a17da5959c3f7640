"""The step of the GitHub Action that runs the script: inputs from the environment become the
arguments of `darn exec`, what it reports becomes the step's outputs, its status is this one's.

No input passes through a shell but `run` and `fallback`, which are scripts."""

import json
import os
import re
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


def run(argv, directory):
    """The status. A signal is handed on: who cancels the job asks the script to end."""
    darn, early = None, []

    def hand_on(number, _):
        (darn.send_signal if darn else early.append)(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, hand_on)
    darn = subprocess.Popen(argv, cwd=directory)
    for number in early:
        darn.send_signal(number)
    status = darn.wait()
    return status if status >= 0 else 128 - status


def read_report(path):
    """None: darn wrote none, because it refused to begin. Words and numbers only, so that no value
    can begin another line of the step's outputs."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        values = [report[name] for name in OUTPUTS]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    fits = [type(value) for value in values] == list(OUTPUTS.values()) and all(
        re.fullmatch("[a-z_]+", value) for value in values if isinstance(value, str))
    return report if fits else None


def write_outputs(status, report):
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
        with tempfile.TemporaryDirectory(prefix="darn-", dir=os.environ.get("RUNNER_TEMP")) as own:
            script, report = os.path.join(own, "script"), os.path.join(own, "report")
            with open(script, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(inputs["run"] + "\n")
            status = run([inputs["darn"], "exec", "--report", report, *flags(inputs), "--",
                          *command(inputs.get("shell") or "bash", script)], directory)
            report = read_report(report)
    except Refused as e:
        text = str(e).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::error title=darn::{text}", flush=True)
        status, report = 64, None
    write_outputs(status, report)
    return status


if __name__ == "__main__":
    sys.exit(main())
