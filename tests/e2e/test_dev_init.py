"""darn dev --init: what it writes for a project is what runs there."""

import os
import shutil
import stat
import sys

import pytest

from test_dev import dev, table

PYTHON = {"pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["slow"]\n',
          "calc.py": "def add(a, b):\n    return a + b\n",
          "tests/test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"}
CMAKE = {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.20)\nproject(calc C)\nenable_testing()\n"
                           "add_executable(calc_test calc_test.c)\nadd_test(NAME calc COMMAND calc_test)\n",
         "calc_test.c": "int main(void) { return 1 + 2 - 3; }\n"}
NODE = {"package.json": '{"name": "calc", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
        "calc.test.js": "const test = require('node:test');\ntest('add', () => {});\n"}
RUST = {"Cargo.toml": '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "calc"\nversion = "0.1.0"\n',
        "src/lib.rs": "#[cfg(test)]\nmod tests {\n    #[test]\n    fn add() {\n        assert_eq!(1 + 2, 3);\n"
                      "    }\n}\n",
        "tests/whole.rs": "#[test]\nfn whole() {}\n"}
GO = {"go.mod": "module calc\n\ngo 1.19\n", "calc.go": "package calc\n",
      "calc_test.go": 'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {}\n'}
# What says that a test ran, and the tool that it takes.
PROJECTS = {"python": (PYTHON, "1 passed", "python3"), "cpp": (CMAKE, "100% tests passed", "cmake"),
            "node": (NODE, "# pass 1", "npm"), "rust": (RUST, "1 passed", "cargo"),
            "go": (GO, "ok  \tcalc", "go")}


def project(darn, files):
    for name, text in files.items():
        darn.write(name, text)


def names(darn):
    return [entry["name"] for entry in dev(darn, "--list", "--json", status=0).json()]


@pytest.mark.parametrize("language", PROJECTS)
def test_what_is_written_runs(darn, language):
    files, passed, tool = PROJECTS[language]
    project(darn, files)
    printed = dev(darn, "--init", "--dry-run", status=0)
    assert not darn.path("darn.toml").exists()
    done = dev(darn, "--init", status=0)
    assert done.out == "" and darn.path("darn.toml").read_text() == printed.out
    first, second, third = done.err.splitlines()
    assert first.startswith("darn: found ") and str(darn.dir) in first
    assert second == f"darn: wrote [dev] to {darn.dir}/darn.toml: {', '.join(names(darn))}"
    assert "darn dev check-all" in third
    assert {"test", "dev-check", "check-all"} <= set(names(darn))
    if not shutil.which(tool):
        pytest.skip(f"no {tool} here")
    # The Python that has pytest; what tools keep of earlier uses.
    darn.script("bin/python3", f'exec {sys.executable} "$@"\n')
    own = {"PATH": f"{darn.dir}/bin:{os.environ['PATH']}", "HOME": os.environ["HOME"],
           "CMAKE_GENERATOR": "Ninja"}  # there need not be a make
    done = dev(darn, "test", status=0, env=own)
    assert passed in done.out, repr(done)
    if language == "cpp":
        darn.write("calc_test.c", "int main(void) { return 1; }\n")
        failed = dev(darn, "check-all", env=own)
        assert failed.status == 8 and "failed: exit 8" in failed.err, repr(failed)
        assert dev(darn, "test", "--", "-N", status=0, env=own).out.count("Total Tests: 1") == 1


def test_several_languages(darn):
    for files in (PYTHON, NODE, GO, RUST, CMAKE):
        project(darn, files)
    dev(darn, "--init", status=0)
    written = names(darn)
    for language in PROJECTS:
        assert f"test-{language}" in written
    out = dev(darn, "--dry-run", "test", status=0).out
    assert [line.split()[1] for line in out.splitlines()] == [
        "test-cpp:", "test-python:", "test-node:", "test-rust:", "test-go:"]


def test_an_existing_file_stays_as_it_is(darn):
    project(darn, GO)
    before = "# mine\n[run]\njobs = 3   # three"
    darn.config(before)
    darn.path("darn.toml").chmod(0o640)
    dev(darn, "--init", status=0)
    text = darn.path("darn.toml").read_text()
    assert text.startswith(before + "\n\n# The commands")
    assert stat.S_IMODE(darn.path("darn.toml").stat().st_mode) == 0o640
    assert "test" in names(darn)
    assert sorted(p.name for p in darn.dir.glob("darn.toml*")) == ["darn.toml"]
    done = dev(darn, "--init", status=64)
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"darn: {darn.dir}/darn.toml:6:2: there is a [dev] already; ")
    assert darn.path("darn.toml").read_text() == text


def test_a_link_leads_to_what_is_written(darn):
    project(darn, GO)
    darn.write("config/real.toml", "")
    darn.path("darn.toml").symlink_to("config/real.toml")
    dev(darn, "--init", status=0)
    assert darn.path("darn.toml").is_symlink() and "[dev]" in darn.path("config/real.toml").read_text()


@pytest.mark.parametrize("text, status", [("[run]\njobs = 'many'\n", 78), ("[run\n", 78)])
def test_a_broken_file_is_left_alone(darn, text, status):
    project(darn, GO)
    darn.config(text)
    assert "darn.toml:" in dev(darn, "--init", status=status).err
    assert darn.path("darn.toml").read_text() == text


def test_the_root_is_found_from_below(darn):
    project(darn, GO)
    below = darn.path("cmd/calc")
    below.mkdir(parents=True)
    darn.path(".git").mkdir()
    dev(darn, "--init", cwd=below, status=0)
    assert "test" in names(darn)


def test_nothing_known(darn):
    darn.write("README", "")
    done = dev(darn, "--init", status=64)
    assert len(done.err.splitlines()) == 1 and "darn help dev" in done.err
    darn.write("package.json", "{")
    assert "package.json: " in dev(darn, "--init", status=65).err


def test_names_in_files_do_not_inject(darn):
    darn.write("CMakeLists.txt", "project(x C)\nenable_testing()\n")
    darn.write("CMakePresets.json", '{"version": 3, "configurePresets": [{"name": "a\'; touch x; \\"$(touch x)",'
                                    '"binaryDir": "${sourceDir}/b`touch x`"}]}')
    darn.write("package.json", '{"scripts": {"test": "\\"; touch x"}, "packageManager": "npm; touch x"}')
    dev(darn, "--init", status=0)
    darn.script("bin/cmake", 'printf "<%s>" "$@" >> args\nexit 1\n')
    env = {"PATH": f"{darn.dir}/bin:/usr/bin:/bin"}
    done = dev(darn, "build", env=env, status=1)
    assert darn.path("args").read_text() == "<--preset><a'; touch x; \"$(touch x)>", repr(done)
    assert table(done) and not darn.path("x").exists()
