"""The GitHub Action around darn exec: action.yml's steps as GitHub would run them (github.py)."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import PROGRAM, ROOT, until
from exec_help import FLAKY, stats
from github import Runner, load

OK = {"outcome": "ok", "status": "0", "attempts": "1", "healed": "false", "category": "none"}


@pytest.fixture
def step(darn):
    runner = Runner(darn)

    def call(run, env=None, **inputs):
        return runner(env, **({"darn": PROGRAM, "backoff": "10ms"} | inputs), run=run)

    call.runner = runner
    call.summary = lambda: runner.summary.read_text() if runner.summary.exists() else ""
    return call


def check(done, **wanted):
    got = dict(done.outputs)
    assert got.pop("duration_ms").isdigit(), repr(done)
    assert got == OK | wanted, repr(done)
    assert str(done.status) == got["status"], repr(done)


def test_success_is_silent(step):
    done = step("echo out\necho err >&2")
    check(done)
    assert (done.out, done.err, step.summary()) == ("out\n", "err\n", "")


def test_healed(step):
    step.runner.darn.script("flaky", FLAKY)
    done = step("./flaky seen 2")
    check(done, outcome="healed", attempts="2", healed="true", category="network")
    assert "Connection refused" in done.err and '{"attempts"' not in done.err
    assert "`test` healed at attempt 2" in step.summary(), "by the name of the job"


def test_standard_output_is_understood_too(step):
    done = step("test -e seen || { touch seen; echo connection refused; exit 1; }")
    check(done, outcome="healed", attempts="2", healed="true", category="network")


@pytest.mark.parametrize("status", [1, 3, 255])
def test_the_status_passes_through(step, status):
    done = step(f"exit {status}", retries=0, name="it")
    check(done, outcome="failed", status=str(status), category="unknown")
    assert "`it` failed after 1 attempt" in step.summary()


def test_a_signal(step):
    done = step("kill -KILL $$", retries=0)
    check(done, outcome="failed", status="137", category="resource")


def test_fallback(step):
    done = step("exit 3", retries=1, fallback="echo from\necho \"the 'cache'\"")
    check(done, outcome="fallback", attempts="2", category="unknown")
    assert done.out == "from\nthe 'cache'\n"


@pytest.mark.parametrize("strict, status", [("true", "1"), ("True", "1"), ("false", "0")])
def test_fail_on_healed(step, strict, status):
    step.runner.darn.script("flaky", FLAKY)
    done = step("./flaky seen 2", fail_on_healed=strict)
    check(done, outcome="healed", status=status, attempts="2", healed="true", category="network")


def test_a_script_of_many_lines_stops_at_its_first_failure(step):
    assert step("set +e\nfalse\nif true; then\n  echo 'a  b' | cat\nfi").out == "a  b\n"
    assert step("echo one\nfalse\necho two", retries=0).out == "one\n"
    assert step("false | cat\necho two", retries=0).out == "", "pipefail"


def test_shells(step):
    check(step("test -z \"$BASH_VERSION\" || echo bash", shell="sh"))
    done = step("import sys\nprint(sys.version_info.major)", shell="python")
    assert done.out == "3\n"
    done = step("print(1 + 1)", shell=f"{sys.executable} -I '{{0}}'")
    assert done.out == "2\n"
    for wrong in ("zsh", "bash '{0}", "{}"):
        done = step("true", shell=wrong)
        assert done.status == 64 and "::error title=darn::shell is" in done.out


HOSTILE = ["'; touch pwned; '", '"; touch pwned; "', "$(touch pwned)", "`touch pwned`", "--stats",
           "-- touch pwned", "${{ github.token }}", "%0A::error::x", "* ? ~ \\"]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_words_and_no_code(step, text):
    done = step("env | grep -c DARN_ACTION || true", name=text, breaker=text, budget=text)
    check(done)
    assert done.out == "0\n", "the script sees none of the inputs"
    assert list(stats(step.runner.darn)) == [text]
    assert os.listdir(step.runner.darn.dir) == []


@pytest.mark.parametrize("name", ["name", "retries", "backoff", "timeout", "deadline", "breaker_after",
                                  "breaker_open_for", "capture", "retry_on", "fail_on_healed", "shell",
                                  "working_directory", "darn"])
def test_what_an_input_cannot_be_is_refused_and_not_run(step, name):
    done = step("echo started", **{name: "x=y\n::error::x\n" + " ".join(HOSTILE)})
    assert done.status == (69 if name == "darn" else 64) and "started" not in done.out, repr(done)
    assert set(done.outputs) == {*OK, "duration_ms"}
    assert name == "darn" or done.outputs["outcome"] == "failed" and not done.outputs["attempts"]
    assert not any(l.startswith("::error::") for l in (done.out + done.err).splitlines())
    assert os.listdir(step.runner.darn.dir) == []


def test_the_script_is_what_it_is(step):
    text = "\n".join([*HOSTILE, "üñî \\n %s", ""])
    assert step(f"cat <<'E'\n{text}E").out == text
    assert step("false", fallback=f"cat <<'E'\n{text}E", retries=0).out == text


def report(**more):
    return json.dumps({"attempts": 9, "category": "network", "duration_ms": 1, "healed": True,
                       "outcome": "healed", "status": 0} | more, separators=(",", ":"))


@pytest.mark.parametrize("said", [report(), report(outcome="ok\nx=y")])
def test_what_the_script_says_is_no_output_of_the_step(step, said):
    done = step(f"printf '%s' '{said}' >&2")
    check(done)
    assert done.err == said
    done = step(f"printf '%s\\n' '{said}' 'x=y' >&2; exit 3", retries=0)
    assert done.outputs["outcome"] == "failed" and f"{said}\nx=y\n" in done.err


def test_working_directory(step):
    (step.runner.darn.dir / "a b").mkdir()
    assert step("pwd", working_directory="a b").out == f"{step.runner.darn.dir}/a b\n"
    assert step("pwd").out == f"{step.runner.darn.dir}\n"
    done = step("pwd", working_directory="nowhere")
    assert done.status == 64 and "no such directory" in done.out


def test_times(step):
    done = step("sleep 60", timeout="100ms", retries=0)
    check(done, outcome="failed", status="124", category="timeout")
    done = step("exit 1", retries=9, backoff="1m", deadline="200ms")
    check(done, outcome="failed", status="1", category="unknown")


def test_retry_on(step):
    lines = "network\n\n  75\n/lock.*held, [a-z]{2}/\n"
    done = step("echo the lock is held, ok; exit 5", retry_on=lines, retries=2)
    assert done.outputs["attempts"] == "3", repr(done)
    assert step("exit 6", retry_on=lines, retries=2).outputs["attempts"] == "1"
    assert step("exit 75", retry_on=lines, retries=2).outputs["attempts"] == "3"


def test_a_breaker_is_shared_by_the_steps_of_a_job(step):
    flags = {"breaker": "mirror", "breaker_after": 2, "breaker_open_for": "1h", "retry_on": "network"}
    text = "echo connection refused; exit 7"
    check(step(text, retries=1, **flags), outcome="failed", status="7", attempts="2",
          category="network")
    done = step(text, **flags)
    assert (done.outputs["outcome"], done.outputs["status"]) == ("rejected", "75"), repr(done)
    assert "its breaker is open" in step.summary()
    assert stats(step.runner.darn)["test"]["outcomes"] == {"failed": 1, "rejected": 1}


def test_who_cancels_the_job_asks_the_script(step):
    """The shell of a step is signalled, nothing else."""
    darn, output = step.runner.darn, step.runner.file("output")
    env = step.runner.environment() | {
        "GITHUB_OUTPUT": str(output), "DARN_ACTION_DARN": str(PROGRAM),
        "DARN_ACTION_RUN": "trap 'echo got > seen; exit 9' INT\n> ready\nwhile :; do sleep 0.02; done"}
    script = darn.write("step.sh", load(ROOT / "action.yml")["runs"]["steps"][-1]["run"])
    shell = subprocess.Popen(["bash", "-eo", "pipefail", script], cwd=darn.dir, env=env,
                             stdin=subprocess.DEVNULL)
    until("it runs", lambda: darn.path("ready").exists())
    shell.send_signal(signal.SIGINT)
    assert shell.wait(20) == 9 and darn.lines("seen") == ["got"]
    assert "outcome=interrupted\nstatus=9\n" in output.read_text()


def test_variables_of_python_are_the_script_s_alone(step):
    step.runner.darn.write("lib/json.py", "raise SystemExit(42)\n")
    done = step("echo $PYTHONPATH $OWN", env={"PYTHONPATH": "lib", "OWN": "1"})
    check(done)
    assert done.out == "lib 1\n"


def test_much_on_both_streams(step):
    done = step("for i in 1 2 3; do head -c 3000000 /dev/zero | tr '\\0' e | tee /dev/stderr; done")
    check(done)
    assert done.out == done.err == "e" * 9_000_000


# Where darn comes from.


@pytest.fixture
def source(darn, monkeypatch):
    """A checkout of the action whose build takes no time, on a machine without darn."""
    root = darn.talk / "source"
    shutil.copytree(ROOT / "packaging/github", root / "packaging/github")
    shutil.copy(ROOT / "action.yml", root)
    for name in ("CMakeLists.txt", "CMakePresets.json", "cmake/a", "docs/commands/a", "include/a",
                 "packs/a", "src/a b.cpp", "scripts/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")
    for name, text in {"build": f"mkdir -p build/release; cp {PROGRAM} build/release/darn",
                       "install-deps": 'touch "$RUNNER_TEMP/installed"'}.items():
        (root / "scripts" / name).write_text(
            f'#!/bin/sh\nset -e\necho "{name} $*" >> "$RUNNER_TEMP/calls"\n{text}\n')
        (root / "scripts" / name).chmod(0o755)
    path = [p for p in os.environ["PATH"].split(":") if not os.path.exists(f"{p}/darn")]
    monkeypatch.setenv("PATH", ":".join(path))
    return root


def calls(runner):
    path = runner.temp / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_it_is_built_once_and_then_in_the_path(darn, source):
    runner = Runner(darn, source)
    done = runner(run="darn --version")
    check(done)
    restore, save = "actions/cache/restore@v4", "actions/cache/save@v4"
    assert done.ran == ["find", restore, "build", save, "exec"] and calls(runner) == ["build release"]
    assert runner(run="true").ran == ["find", "exec"], "the same job"
    runner.path.clear()
    assert runner(run="true").ran == ["find", restore, "build", "exec"], "the next job"
    assert calls(runner) == ["build release"]


def test_another_source_is_another_program(darn, source):
    runner = Runner(darn, source)
    runner(run="true")
    (source / "src/a b.cpp").write_text("2")
    runner.path.clear()
    check(runner(run="true"))
    assert calls(runner) == ["build release"] * 2 and len(list(runner.tools.glob("darn/*"))) == 2


def test_a_kept_one_whose_libraries_are_missing(darn, source):
    runner = Runner(darn, source)
    runner(run="true")
    (kept,) = runner.tools.glob("darn/*/darn")
    runner.path.clear()
    kept.write_text(f'#!/bin/sh\ntest -e "{runner.temp}/installed" && exec {PROGRAM} "$@"\n')
    check(runner(run="true"))
    assert calls(runner) == ["build release", "install-deps build"]
    runner.path.clear()
    kept.write_text("damaged")
    check(runner(run="true"))
    assert calls(runner)[2:] == ["install-deps build", "build release"]


def test_a_build_that_fails_fails_the_step(darn, source):
    (source / "scripts/build").write_text("#!/bin/sh\necho no compiler >&2\nexit 69\n")
    done = Runner(darn, source)(run="echo started")
    assert done.status == 69 and "no compiler" in done.err and "started" not in done.out
