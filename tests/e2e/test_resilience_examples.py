"""The examples of the library are built as their README says, against the installed library, and say
what they are there to show."""

import os
import re
import subprocess

import pytest

from conftest import PROGRAM, ROOT
from library import build, configure, installed, locked, run, shared_folder

EXAMPLES = ROOT / "examples/resilience"
PROGRAMS = sorted(p.stem for p in EXAMPLES.glob("*.cpp"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with all of them; built once, whichever worker comes first."""
    prefix = installed(tmp_path_factory)
    folder = shared_folder(tmp_path_factory)
    with locked(folder / "examples.lock"):
        made = folder / "examples"
        if not (made / "done").exists():
            configure(EXAMPLES, made, f"darn_ROOT={prefix}",
                      "CMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Wshadow -Werror")
            build(made)
            (made / "done").touch()
    return made


SAYS = {
    "simple_retry": ['got "hello" at attempt 3', "failed: permanent: page -1; by retry"],
    "own_configuration": [
        "retry(6 attempts, exponential 10ms x2 .. 200ms, equal jitter, within 5s, each 50ms, orders)",
        "attempt 1: transient (503)", "attempt 2: timeout", "attempt 3: rate_limit (429)",
        "attempt 4: good", "ordered"],
    "fallback": ["tea: transient (503)", "tea: 300 cents (cache)", "coffee: 250 cents (guess)"],
    "breaker": ["breaker: closed -> open",
                "1000 calls: the server was asked 4 times, 996 were refused at once",
                "breaker: open -> half-open", "breaker: half-open -> closed",
                "the server is back: 10 of 10 calls succeeded"],
    "classification": ["errno ECONNREFUSED     network    retry", "HTTP 404               permanent",
                       "HTTP 429               rate_limit", "filesystem_error       permanent",
                       "status 200 after 3 calls"],
    "coroutine": ["attempt 1", "attempt 2", "hi"],
    "whole_workflow": ["fallback(1 alternative) > timeout(2s) > retry(3 attempts",
                       "94 fresh, 6 substituted, breaker closed",
                       "94 fresh, 26 substituted, breaker isolated",
                       'darn_retry_calls_total{policy="retry quotes"} 140'],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_example(built, name):
    if name == "coroutine" and not (built / name).exists():
        pytest.skip("no Boost 1.77 or later")
    said = run(built / name, timeout=20)
    at = 0
    for part in SAYS[name]:  # in this order
        found = said.find(part, at)
        assert found >= 0, f"{part!r} is not said, or not there:\n{said}"
        at = found + len(part)


@pytest.mark.skipif(not (ROOT / "docs/commands/exec.md").exists(), reason="there is no darn exec")
def test_development_script(darn):
    (darn.path("bin")).mkdir()
    (darn.path("bin/darn")).symlink_to(PROGRAM)
    done = subprocess.run([EXAMPLES / "development_script.sh"], cwd=darn.dir, timeout=60, text=True,
                          env=darn.env | {"PATH": f"{darn.dir}/bin:{os.environ['PATH']}"},
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line[0] not in "123"] == [
        "installed 12 packages", "   exit status 127, at the first try", "   taken from the cache"]
    assert "healed" in done.stderr and done.stderr.count("Could not resolve host") >= 2


def test_each_is_short_and_named():
    readme = (EXAMPLES / "README.md").read_text()
    assert set(re.findall(r"^\| \[(\w+)\.cpp\]", readme, re.M)) == set(PROGRAMS)
    assert "(development_script.sh)" in readme
    for name in PROGRAMS:
        assert len((EXAMPLES / f"{name}.cpp").read_text().splitlines()) <= 70, name
