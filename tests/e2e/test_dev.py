"""darn dev: named commands of a project, each with recovery, in turn until one fails for good."""

import signal

import pytest

from conftest import until
from exec_help import flaky, last_json, stats  # noqa: F401
from test_terminal import Terminal

QUICK = 'backoff = ["10ms"]'


def dev(darn, *args, **more):
    return darn("dev", *args, **more)


def table(done):
    """step -> the other cells, of the table at the end of standard error"""
    lines = done.err.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("STEP "))
    at = [lines[begin].index(head) for head in ("RESULT", "ATTEMPTS")]
    rows = {}
    for line in lines[begin + 1:]:
        if line.startswith("darn: "):
            break
        rows[line[:at[0]].strip()] = (line[at[0]:at[1]].strip(), line[at[1]:].split()[0])
    return rows


def closing(done):
    return next(line for line in reversed(done.err.splitlines()) if line.startswith("darn: dev "))


SIMPLE = """\
[dev]
one = "echo one | tee -a trace"
two = "echo two >> trace"
bad = "echo bad >> trace; exit 3"
both = ["one", "two"]
all = { steps = ["both", "bad", "one", "last"], help = "Everything" }
last = "echo last >> trace"
"""


def test_a_command_is_as_it_would_be_without_darn(darn):
    darn.config('[dev]\nsay = "cat; echo err >&2; pwd; exit 4"\n')
    done = dev(darn, "say", input=b"in\n", status=4)
    assert done.out == f"in\n{darn.dir}\n" and "\nerr\n" in done.err
    assert done.err.startswith("darn: [1/1] say: cat; echo err >&2; pwd; exit 4\n")


def test_what_succeeds_at_once_needs_no_table(darn):
    darn.config(SIMPLE)
    done = dev(darn, "one", status=0)
    assert (done.out, done.err) == ("one\n", "darn: [1/1] one: echo one | tee -a trace\n")


def test_a_sequence_stops_at_what_fails_for_good(darn):
    darn.config(SIMPLE)
    done = dev(darn, "all", status=3)
    assert darn.lines("trace") == ["one", "two", "bad"], "one does not run twice, last not at all"
    assert "darn: [3/4] bad: " in done.err
    assert table(done) == {"one": ("ok", "1"), "two": ("ok", "1"),
                           "bad": ("failed: exit 3 (unknown)", "1"), "last": ("not run", "-")}
    assert closing(done).startswith("darn: dev all failed at bad: exit 3 (unknown); 2 of 4 steps "
                                    "succeeded, 1 not run; ")
    assert stats(darn)["dev:bad"]["outcomes"] == {"failed": 1}


def test_keep_going(darn):
    darn.config(SIMPLE + 'worse = "exit 9"\n')
    done = dev(darn, "--keep-going", "all", "worse", status=3)
    assert darn.lines("trace") == ["one", "two", "bad", "last"]
    assert table(done)["last"] == ("ok", "1") and table(done)["worse"][0].startswith("failed: exit 9")


def test_all_succeed(darn):
    darn.config(SIMPLE)
    done = dev(darn, "both", "last", status=0)
    assert set(table(done)) == {"one", "two", "last"}
    assert closing(done).startswith("darn: dev both last succeeded: 3 steps; ")


def test_what_is_transient_is_healed(flaky):
    flaky.config(f'[dev]\nfetch = {{ run = "./flaky n 3", {QUICK} }}\n')
    done = dev(flaky, "fetch", "--json", status=0)
    assert table(done) == {"fetch": ("healed at attempt 3 (network)", "3")}
    what = last_json(done)
    assert (what["outcome"], what["status"]) == ("healed", 0)
    assert what["steps"][0]["uses"][0]["name"] == "dev:fetch"
    assert "healed: fetch" in closing(done)
    assert dev(flaky, "fetch", status=0).err.count("\n") == 1


def test_standard_output_is_read_too(darn):
    darn.config(f"[dev]\ntest = {{ run = 'test -e x || {{ touch x; echo connection refused; exit 1; }}', {QUICK} }}\n")
    assert "network" in table(dev(darn, "test", status=0))["test"][0]


def test_fail_on_healed(flaky):
    flaky.config(f'[dev]\nfetch = {{ run = "./flaky n 2", {QUICK} }}\nthen = "touch then"\n')
    done = dev(flaky, "fetch", "then", "--fail-on-healed", "--json", status=1)
    assert "--fail-on-healed" in done.err and last_json(done)["status"] == 1
    assert flaky.path("then").exists(), "what was healed stops nothing"


def test_a_failing_test_is_not_retried(darn):
    darn.config('[dev]\ntest = "echo x >> tries; echo FAILED test_a; exit 1"\n')
    assert table(dev(darn, "test", status=1)) == {"test": ("failed: exit 1, FAILED test_a (permanent)",
                                                         "1")}
    assert darn.lines("tries") == ["x"]


def test_retry_on_replaces_what_is_retried(darn):
    darn.config(f'[dev]\na = {{ run = "echo x >> tries; echo odd; exit 1", retries = 2, {QUICK}, '
                'retry_on = ["/^odd$/", 75] }\n'
                f'b = {{ run = "echo Connection refused; exit 1", {QUICK}, retry_on = ["unknown"] }}\n')
    dev(darn, "a", status=1)
    assert len(darn.lines("tries")) == 3
    assert table(dev(darn, "b", status=1))["b"][1] == "1"


def test_a_timeout_and_a_breaker(darn):
    darn.config(f'[dev]\nslow = {{ run = "sleep 60", timeout = "100ms", retries = 1, {QUICK} }}\n'
                'down = { run = "exit 75", retries = 9, breaker = "b", backoff = ["1ms"] }\n')
    assert "timed out" in table(dev(darn, "slow", status=124))["slow"][0]
    dev(darn, "down", status=75)
    done = dev(darn, "down", status=75)
    assert table(done)["down"][0] == "failed: not started, its breaker is open"


def test_the_fallback(darn):
    darn.config('[dev]\ntest = { run = "exit 3", fallback = "fast" }\n'
                'fast = { run = "test -e good", fallback = "least" }\nleast = "test -e least"\n'
                'all = ["test", "after"]\nafter = "touch after"\n')
    done = dev(darn, "all", "--json", status=3)
    assert table(done)["test"][0] == ("failed: exit 3 (unknown); least, too: exit 1 (unknown)")
    assert not darn.path("after").exists() and last_json(done)["outcome"] == "failed"
    darn.write("good", "")
    done = dev(darn, "all", "--json", status=0)
    assert "darn: falls back: [1/2] fast: test -e good\n" in done.err
    assert table(done)["test"] == ("fell back to fast after exit 3 (unknown)", "1")
    assert "by a fallback: test" in closing(done) and darn.path("after").exists()
    assert last_json(done)["outcome"] == "fallback"
    dev(darn, "all", "--fail-on-healed", status=1)


def test_a_fallback_for_some_failures_only(darn):
    darn.config('[dev]\ntest = { run = "./run", retries = 0, fallback = "fast", fallback_on = ["network"] }\n'
                'fast = "true"\n')
    darn.script("run", "echo 1 failed; exit 1")
    dev(darn, "test", status=1)
    darn.script("run", "echo Connection refused; exit 1")
    dev(darn, "test", status=0)


def test_arguments(darn):
    darn.config("""[dev]\nshow = "printf '<%s>'"\nplace = "printf '<%s>' \\"$@\\" end"\nmore = ["show"]\n""")
    words = ("a b", "", "$(touch x)", "'", '"; touch x; "', "--", "--json", "*")
    assert dev(darn, "show", "--", *words, status=0).out == "".join(f"<{w}>" for w in words)
    assert dev(darn, "place", "--", "a b", status=0).out == "<a b><end>"
    for names in (("more",), ("show", "place")):
        done = dev(darn, *names, "--", "x", status=64)
        assert len(done.err.splitlines()) == 1 and done.out == ""
    assert dev(darn, "show", "--", status=0).out == "<>"
    assert not darn.path("x").exists()


def test_hostile_text_stays_text(darn):
    darn.config('[dev]\nx = { run = "true\\n\\u001b[31m", help = "\\u001b]0;t\\u0007\\nhelp" }\n'
                'y = "true # \\u001b[2J"\n')
    done = dev(darn, "--list", status=0)
    assert "\x1b" not in done.out and "\x07" not in done.out and len(done.out.splitlines()) == 2
    done = dev(darn, "x", "y")
    assert "\x1b" not in done.err.splitlines()[0]
    done = dev(darn, "$(touch x)\n", status=64)
    assert len(done.err.splitlines()) == 1 and not darn.path("x").exists()


def test_from_a_subdirectory(darn):
    darn.config('[dev]\nwhere = "pwd"\n')
    below = darn.path("a/b")
    below.mkdir(parents=True)
    assert dev(darn, "where", cwd=below, status=0).out == f"{darn.dir}\n"
    darn.config("[dev]\nwhere = []\n")
    assert f"darn: {darn.dir}/darn.toml:2:9: " in dev(darn, cwd=below, status=78).err
    (below.parent / ".git").mkdir()
    assert "no 'where'" in dev(darn, "where", cwd=below, status=64).err, "not above a repository"


def test_lists(darn):
    assert "darn dev --init" in dev(darn, status=0).err
    assert "darn dev --init" in dev(darn, "test", status=64).err
    darn.config(SIMPLE)
    out = dev(darn, status=0).out.splitlines()
    assert out == dev(darn, "--list", status=0).out.splitlines()
    assert out[0] == "one   echo one | tee -a trace" and "both  one, two" in out
    assert "all   Everything" in out
    names = [entry["name"] for entry in dev(darn, "--list", "--json", status=0).json()]
    assert names == ["one", "two", "bad", "both", "all", "last"]
    out = dev(darn, "--dry-run", "all", status=0).out.splitlines()
    assert [line.split(":")[0] for line in out] == ["[1/4] one", "[2/4] two", "[3/4] bad", "[4/4] last"]
    assert not darn.path("trace").exists()


def test_names_that_are_commands_of_darn_s_own(darn):
    darn.config('[dev]\nrun = "echo run"\nhelp = "echo help"\n')
    assert dev(darn, "run", "help", status=0).out == "run\nhelp\n"


@pytest.mark.parametrize("args, said", [
    (("tset",), "did you mean 'test'?"), (("--nosuch",), "--nosuch"), (("--list", "test"), "no NAME"),
    (("--init", "test"), "no NAME"), (("--list", "--init"), "only one"), (("--", "x"), "one NAME")])
def test_wrong_usage_starts_nothing(darn, args, said):
    darn.config('[dev]\ntest = "touch started"\n')
    done = dev(darn, *args, status=64)
    assert len(done.err.splitlines()) == 1 and said in done.err
    assert not darn.path("started").exists()


# More of them beside the reader: src/config/dev_test.cpp
@pytest.mark.parametrize("line, place, said", [
    ("Lint = 'x'", "3:1", "'Lint' is no name"), ("lint = 5", "3:8", "'lint' is no command"),
    ("lint = []", "3:8", "an empty sequence"), ("lint = ['tset']", "3:9", "did you mean 'test'?"),
    ("lint = { run = 'x', retrys = 1 }", "3:21", "did you mean 'retries'?"),
    ("lint = { run = 'x', steps = ['test'] }", "3:8", "both 'run' and 'steps'"),
    ("lint = { run = 'x', timeout = 'soon' }", "3:31", "'soon'"),
    ("lint = { run = 'x', retry_on = ['netwerk'] }", "3:33", "'netwerk'"),
    ("lint = { run = 'x', fallback = 'lint' }", "3:32", "a cycle: lint -> lint"),
    ("a = ['b']\nb = ['a']", "4:6", "a cycle: a -> b -> a")])
def test_what_is_wrong_in_it_is_said_by_every_command(darn, line, place, said):
    darn.config(f"[dev]\ntest = 'touch started'\n{line}\n")
    darn.csv("id,command", ["a", "touch started"])
    for done in (dev(darn, "test", status=78), darn("run", "tasks.csv", status=78),
                 darn("agents", status=78)):
        assert len(done.err.splitlines()) == 1
        assert done.err.startswith(f"darn: darn.toml:{place}: ") and said in done.err
    assert not darn.path("started").exists()


def test_other_commands_accept_it(darn):
    darn.config(SIMPLE)
    darn.csv("id,command", ["a", "true"])
    darn.run("tasks.csv")
    darn.user_config("[dev]\nx = 'y'\n")
    assert "unknown key 'dev'" in dev(darn, "one", status=78).err, "it is the project's"


# Interrupts.

WAITS = "echo > ready; exec sleep 60"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(darn, number):
    darn.config(f'[dev]\nwait = {{ run = "{WAITS}", fallback = "after" }}\nafter = "touch after"\n')
    live = darn.start("dev", "--keep-going", "--json", "wait", "after")
    until("it is ready", lambda: darn.path("ready").exists())
    live.signal(number)
    done = live.wait()
    assert done.status == -number and not darn.path("after").exists()
    assert table(done) == {"wait": ("interrupted", "1"), "after": ("not run", "-")}
    assert f"was interrupted by {number.name}; 0 of 2" in closing(done)
    assert last_json(done)["outcome"] == "interrupted"


def test_a_signal_that_the_command_survives_ends_the_sequence(darn):
    darn.config("""[dev]\nwait = "trap 'exit 0' TERM; echo > ready; while :; do sleep 0.02; done"\n"""
                'after = "touch after"\n')
    live = darn.start("dev", "wait", "after")
    until("it is ready", lambda: darn.path("ready").exists())
    live.signal(signal.SIGTERM)
    assert live.wait().status == -signal.SIGTERM and not darn.path("after").exists()


def test_a_signal_during_a_wait(darn):
    darn.config('[dev]\na = { run = "exit 75", backoff = ["60s"] }\nb = "touch b"\n')
    live = darn.start("dev", "a", "b")
    until("it waits", lambda: "retry 1" in live.err)
    live.signal(signal.SIGINT)
    assert live.wait().status == -signal.SIGINT and not darn.path("b").exists()


def test_ctrl_c_on_a_terminal(darn):
    darn.config(f'[dev]\nlook = "test -t 0 && test -t 1 && test -t 2"\nwait = "{WAITS}"\nafter = "touch after"\n')
    terminal = Terminal(darn, "dev", "look", "wait", "after")
    until("it is ready", lambda: terminal.read() and darn.path("ready").exists())
    terminal.type(b"\x03")
    assert terminal.end() == -signal.SIGINT and not darn.path("after").exists()
    assert "look   ok" in terminal.text and "interrupted by SIGINT" in terminal.text


def test_a_crash_is_darn_s_end_too(darn):
    darn.config('[dev]\na = "kill -KILL $$"\nb = "touch b"\n')
    assert dev(darn, "a", "b").status == -signal.SIGKILL
    assert not darn.path("b").exists()


def test_the_step_summary(darn):
    darn.config('[dev]\na = "true"\nb = "echo \'<b>|\'; exit 2"\n')
    env = {"GITHUB_STEP_SUMMARY": str(darn.path("summary.md"))}
    dev(darn, "a", env=env, status=0)
    assert not darn.path("summary.md").exists()
    dev(darn, "a", "b", env=env, status=2)
    lines = darn.lines("summary.md")
    assert lines[1:4] == ["| step | result | attempts | time |", "| --- | --- | ---: | ---: |", lines[3]]
    assert lines[3].startswith("| a | ok | 1 | ") and lines[4].startswith("| b | failed: exit 2 (unknown) | 1 | ")
    assert lines[6].startswith("darn: dev a b failed at b: exit 2")
