"""The examples run as their READMEs say, and end as they say."""

import shutil
import subprocess

import pytest

from conftest import PROGRAM, ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture
def example(darn, request):
    shutil.copytree(EXAMPLES / request.param, darn.dir, dirs_exist_ok=True)
    return darn


@pytest.mark.parametrize("example", ["commands"], indirect=True)
def test_commands(example):
    darn = example
    darn.run("tasks.csv", status=1)
    tasks = darn.tasks()
    assert {i: t["state"] for i, t in tasks.items()} == {
        "fetch": "succeeded", "lint": "succeeded", "test": "succeeded", "package": "succeeded",
        "limited": "succeeded", "crashing": "failed", "slow": "failed", "hanging": "failed",
        "forgetful": "failed", "after-slow": "skipped"}
    assert tasks["fetch"]["attempts"] == 3 and tasks["fetch"]["healed"]
    assert darn.lines("package.txt") == ["linted", "tested"]
    assert tasks["crashing"]["signal"] == 11
    assert (tasks["slow"]["category"], tasks["hanging"]["category"]) == ("timeout", "timeout")
    assert tasks["forgetful"]["cause"] == "missing_output"
    for args in (["status"], ["explain", "last", "fetch"], ["log", "last", "crashing"],
                 ["retry", "last"]):
        assert darn(*args, status=0).out


@pytest.mark.parametrize("example", ["yaml"], indirect=True)
def test_yaml(example):
    darn = example
    plan = darn.run("--dry-run", "batch.yaml")
    assert "database" in plan.out + plan.err
    darn.run("batch.yaml", status=1)
    tasks = darn.tasks()
    assert {i for i, t in tasks.items() if t["state"] == "succeeded"} == {
        "greet", "licence", "load", "index", "measure", "story"}
    assert (tasks["records"]["state"], tasks["records"]["attempts"],
            tasks["records"]["category"]) == ("failed", 1, "permanent")
    assert darn.log("greet").strip() == "hello from a parameter"
    assert [t for t in tasks if tasks[t]["healed"]] == ["licence"]
    assert tasks["measure"]["score"] == 7 / 8
    assert tasks["story"]["cost_usd"] == 0.002
    story = (darn.path(tasks["story"]["workspace"]) / "story.md").read_text()
    assert story.splitlines() == ["Tell what came before.", "hello from a parameter",
                                  "7 of 8 passed",
                                  "Notes: it was a quiet night."]


def test_agents_night(darn):
    done = subprocess.run([EXAMPLES / "agents-night/demo.sh"], cwd=darn.dir,
                          env=darn.env | {"DARN": str(PROGRAM)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150)
    print(done.stdout)
    assert done.returncode == 0
    assert "All twelve are home." in done.stdout
    assert not list(darn.dir.iterdir()), "the demo left something where it was started"
