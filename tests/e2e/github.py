"""A runner for one step that uses our action, as GitHub has it: inputs with their defaults, the steps
of action.yml one after the other with the files GITHUB_OUTPUT, GITHUB_PATH and GITHUB_STEP_SUMMARY,
the outputs. Of expressions it knows what action.yml uses."""

import os
import re
import subprocess
from pathlib import Path

import yaml

from conftest import PATIENCE, ROOT

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def load(path):
    """YAML as GitHub reads it: `on` is a key, not a truth."""
    return yaml.load(Path(path).read_text(), Loader=yaml.BaseLoader)


class Step:
    """What became of it: status, outputs, out, err, summary, which of the action's steps ran."""

    def __init__(self):
        self.status, self.outputs, self.out, self.err, self.ran = 0, {}, "", "", []

    def __repr__(self):
        return f"status {self.status}, {self.outputs}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Runner:
    def __init__(self, darn, action=ROOT):
        self.darn, self.action = darn, Path(action)
        self.temp, self.tools = darn.talk / "temp", darn.talk / "tools"
        self.summary, self.path = darn.talk / "summary.md", []
        for folder in (self.temp, self.tools):
            folder.mkdir()
        self.used = []  # actions that action.yml uses, in order

    def environment(self):
        return self.darn.env | {
            "PATH": ":".join([*self.path, os.environ["PATH"]]), "GITHUB_ACTIONS": "true",
            "GITHUB_JOB": "test", "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_WORKSPACE": str(self.darn.dir),
            "RUNNER_TEMP": str(self.temp), "RUNNER_TOOL_CACHE": str(self.tools)}

    def file(self, name):
        path = self.temp / name
        path.write_text("")
        return path

    def __call__(self, env=None, **given):
        """`env` is that of the step; inputs with _ for -."""
        action = load(self.action / "action.yml")
        given = {name.replace("_", "-"): str(value) for name, value in given.items()}
        assert set(given) <= set(action["inputs"])
        inputs = {name: about.get("default", "") for name, about in action["inputs"].items()} | given
        done, outputs = Step(), {}

        def value(term):
            if term.startswith("'"):
                return term[1:-1]
            if term.startswith("inputs."):
                return inputs[term[len("inputs."):]]
            _, step, _, name = term.split(".")
            return outputs.get(step, {}).get(name, "")

        def evaluate(text):
            return EXPRESSION.sub(lambda m: next(filter(None, map(value, m[1].split(" || "))), ""),
                                  text)

        def holds(condition):
            left, operator, right = condition.split()
            return (value(left) == value(right)) == (operator == "==")

        for step in action["runs"]["steps"]:
            if done.status or not holds(step.get("if", "'' == ''")):
                continue
            if "uses" in step:
                done.ran.append(step["uses"])
                continue
            done.ran.append(step["id"])
            output, path, script = self.file("output"), self.file("path"), self.file("script.sh")
            script.write_text(step["run"])
            own = {name: evaluate(text) for name, text in step.get("env", {}).items()}
            one = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
                                 cwd=self.darn.dir, stdin=subprocess.DEVNULL, capture_output=True,
                                 env=self.environment() | (env or {}) | own | {
                                     "GITHUB_OUTPUT": str(output), "GITHUB_PATH": str(path)},
                                 timeout=PATIENCE)
            done.status = one.returncode
            done.out += one.stdout.decode(errors="replace")
            done.err += one.stderr.decode(errors="replace")
            outputs[step["id"]] = dict(l.split("=", 1) for l in output.read_text().splitlines())
            self.path[:0] = path.read_text().splitlines()
        done.outputs = {name: evaluate(about["value"]) for name, about in action["outputs"].items()}
        assert not list(self.temp.glob("darn-*")), "the script's file was left behind"
        return done
