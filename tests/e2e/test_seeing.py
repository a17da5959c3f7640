"""What is shown, to people and to programs."""

import fcntl
import json
import os
import re
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import ESCAPES, PROGRAM, until

COMMANDS = ("run resume retry add cancel status follow wait log lineage explain runs export events "
            "agents gc help version").split()


@pytest.fixture
def mixed(darn):
    """A run with one of each: first try, healed, failed, skipped."""
    darn.csv("id,command,after,retries,tags",
             ["good", "echo all is well", "", "", "x;y"],
             ["flaky", "[ -e seen ] || { touch seen; echo 'Connection reset by peer'; exit 1; }",
              "", "", ""],
             ["bad", "echo 'AssertionError: 3 != 4'; exit 3", "", 0, ""],
             ["after-bad", "true", "bad", "", ""])
    darn.run("tasks.csv", status=1)
    return darn


def test_who_looks_while_the_store_is_being_made_waits_for_it(darn):
    darn.csv("id,command", ["a", "true"])
    darn.state.mkdir()
    (darn.state / "darn.db").touch()  # as it is for a moment while another darn makes it
    watcher = darn.start("runs", "--json")
    darn.run("tasks.csv")
    assert watcher.process.wait(timeout=30) == 0
    # One that has long been empty is not waited for.
    (darn.state / "darn.db").unlink()
    for side in ("-wal", "-shm"):
        (darn.state / f"darn.db{side}").unlink(missing_ok=True)
    (darn.state / "darn.db").touch()
    os.utime(darn.state / "darn.db", (1e9, 1e9))
    assert "is empty" in darn("runs", status=64).err


def test_status_json(mixed):
    status = mixed.status()
    assert {"run", "state", "cycle", "max_retries", "root", "parent", "counts", "cost_usd",
            "tasks"} <= status.keys()
    assert status["state"] == "failed" and status["root"] == status["run"]
    assert status["counts"] == {"waiting": 0, "ready": 0, "running": 0, "delayed": 0,
                                "succeeded": 2,
                                "healed": 1, "failed": 1, "skipped": 1, "cancelled": 0,
                                "abandoned": 0}
    for task in status["tasks"]:
        assert {"id", "state", "attempts", "cycle", "category", "cause", "severity", "signature",
                "exit", "signal", "tags", "score", "cost_usd", "duration_s"} <= task.keys()
    tasks = {t["id"]: t for t in status["tasks"]}
    assert list(tasks) == ["good", "flaky", "bad", "after-bad"]
    assert tasks["good"]["tags"] == ["x", "y"] and tasks["good"]["category"] is None
    assert tasks["flaky"]["attempts"] == 2
    assert tasks["bad"]["exit"] == 3 and re.fullmatch(r"1:[0-9a-f]{32}", tasks["bad"]["signature"])
    assert tasks["after-bad"]["attempts"] == 0
    assert "tasks" not in mixed.status("last", "--no-tasks")


def test_the_same_failure_has_the_same_signature(darn):
    darn.csv("id,command,retries",
             ["one",
              "echo '2026-11-22 10:00:01 worker 17: AssertionError: no such user 4711'; exit 1", 0],
             ["two",
              "echo '2026-11-23 11:10:07 worker 18: AssertionError: no such user 4712'; exit 1", 0],
             ["other", "echo 'KeyError: colour'; exit 1", 0])
    darn.run("tasks.csv", status=1)
    signatures = {i: t["signature"] for i, t in darn.tasks().items()}
    assert signatures["one"] == signatures["two"] != signatures["other"]


def test_runs_json(mixed):
    mixed.csv("id,command", ["a", "true"], name="second.csv")
    mixed.run("second.csv")
    runs = mixed.runs()
    assert len(runs) == 2
    for run in runs:
        assert {"run", "state", "started", "counts"} <= run.keys()
    assert sorted(r["state"] for r in runs) == ["failed", "succeeded"]
    assert len({r["run"] for r in runs}) == 2


def test_text_for_people(mixed):
    text = mixed("status", status=0).out
    assert "healed" in text and "bad" in text
    text = mixed("runs", status=0).out
    assert mixed.status()["run"] in text


def test_the_closing_summary(darn):
    darn.csv("id,command,retries",
             *[[f"t{i}", "echo 'ModuleNotFoundError: No module named foo'; exit 1", 0]
                                     for i in range(5)])
    done = darn.run("tasks.csv", status=1)
    summary = done.err[done.err.rindex("t4"):] if "t4" in done.err else done.err
    assert "5" in done.err and "ModuleNotFoundError" in done.err
    assert summary, done.err
    assert done.out == "", "standard output is for data"


def test_log_of_each_attempt(mixed):
    assert mixed.log("good").strip() == "all is well"
    assert "reset by peer" in mixed.log("flaky", "--attempt", "1")
    assert mixed.log("flaky", "--attempt", "2") == ""
    assert mixed.log("bad", "--tail", "1").strip() == "AssertionError: 3 != 4"
    assert mixed("log", "last", "flaky", "--attempt", "3").status == 64


def test_lineage_and_explain(mixed):
    run = mixed.status()["run"]
    assert run in mixed("lineage", "last", status=0).out
    json.loads(mixed("lineage", "last", "--json", status=0).out)
    json.loads(mixed("lineage", "last", "flaky", "--json", status=0).out)
    text = mixed("explain", "last", "flaky", status=0).out
    assert "network" in text and "category.network" in text
    explained = mixed.explain("flaky")
    first, second = explained["attempts"]
    assert first["decision"]["action"] == "retry"
    assert first["decision"]["rule"] == "category.network"
    assert second["decision"]["action"] == "succeed"


def test_a_lineage_over_re_runs(darn):
    darn.csv("id,command,retries", ["a", "echo x >> n; [ $(wc -l < n) -ge 3 ]", 0])
    darn.run("tasks.csv", status=1)
    darn("retry", "--launch", status=1)
    darn("retry", "--launch", status=0)
    ids = [r["run"] for r in darn.runs()]
    assert len(ids) == 3
    shown = darn("lineage", "last", "a", status=0).out
    assert all(i in shown for i in ids)


def check_events(events):
    assert events, "no events"
    assert all(e["v"] == events[0]["v"] for e in events)
    kinds = [e["event"] for e in events]
    assert kinds[0] == "run_started" and kinds[-1] == "run_ended"
    assert kinds.count("attempt_started") == kinds.count("attempt_ended") == 4
    assert kinds[1] == "cycle_started" and kinds[-2] == "cycle_ended", kinds
    ended = [(e["task"]["id"],
              e["attempt"]["number"]) for e in events if e["event"] == "attempt_ended"]
    assert len(set(ended)) == 4
    return events


def test_events_are_json_lines(mixed):
    check_events(mixed("events", "last", status=0).jsonl())


def test_progress_json(darn):
    darn.csv("id,command", *[[t, f"echo '\"{t}\\'"] for t in "abcd"])
    done = darn.run("tasks.csv", "--progress", "json")
    check_events(done.jsonl())


def test_progress_quiet(darn):
    darn.csv("id,command", ["a", "echo hello"])
    done = darn.run("tasks.csv", "--quiet")
    assert done.out == "" and "hello" not in done.err


def test_progress_plain_shows_the_end_of_a_failure(darn):
    darn.csv("id,command,retries", ["a", "seq 1 100; exit 1", 0])
    done = darn.run("tasks.csv", "--progress", "plain", status=1)
    lines = [line.strip(" │|") for line in done.err.splitlines()]
    assert "100" in lines and "81" in lines and "80" not in lines


def test_json_of_a_run(darn):
    darn.csv("id,command", ["a", "true"])
    status = darn.run("tasks.csv", "--json").json()
    assert status["state"] == "succeeded" and status["tasks"][0]["id"] == "a"


def test_export(mixed):
    suites = ElementTree.fromstring(mixed("export", "last", "-f", "junit", status=0).out)
    cases = {c.get("name"): c for c in suites.iter("testcase")}
    assert set(cases) == {"good", "flaky", "bad", "after-bad"}
    assert cases["bad"].find("failure") is not None
    assert cases["after-bad"].find("skipped") is not None
    flaky = ElementTree.tostring(cases["flaky"], encoding="unicode")
    assert "flaky" in flaky.replace('name="flaky"', "").lower()
    assert cases["good"].find("failure") is None
    assert len(mixed("export", "last", "-f", "json", status=0).json()["tasks"]) == 4
    table = mixed("export", "last", "-f", "csv", status=0).out
    assert table.splitlines()[0].startswith("id,") and len(table.splitlines()) == 5
    markdown = mixed("export", "last", "-f", "markdown", status=0).out
    assert "| " in markdown and "bad" in markdown
    mixed("export", "-f", "junit", "-o", "out.xml", status=0)
    ElementTree.parse(mixed.path("out.xml"))


def test_gc_says_first(mixed):
    def files():
        return sorted(p.name for p in mixed.state.rglob("*") if not p.name.startswith("darn.db-"))

    before = files()
    said = mixed("gc", "--older-than", "0s", status=0)
    assert mixed.status()["run"] in said.out + said.err
    assert len(mixed.runs()) == 1
    assert files() == before, "something was removed"
    mixed("gc", "--older-than", "0s", "--yes", status=0)
    assert mixed.runs() == []
    assert not mixed.batches()


def test_gc_keeps_what_is_asked_and_what_lives(darn):
    for name in ("one.csv", "two.csv"):
        darn.csv("id,command", ["a", "true"], name=name)
        darn.run(name)
    newest = darn.status()["run"]
    darn("gc", "--older-than", "0s", "--keep", "1", "--yes", status=0)
    assert [r["run"] for r in darn.runs()] == [newest]


def test_gc_leaves_alone_whose_re_run_is_just_being_planned(darn):
    darn.csv("id,command", ["a", "true"])
    darn.run("tasks.csv")
    run = darn.status()["run"]
    # What a re-run holds before there is a run of its own (an open file description lock).
    with open(darn.state / "runs" / run / "lineage", "w", encoding="utf-8") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        done = darn("gc", "--keep", 0, "--yes", status=0)
        assert run in done.err and "it stays" in done.err, repr(done)
        assert done.out == "" and darn.states() == {"a": "succeeded"}
    darn("gc", "--keep", 0, "--yes", status=0)
    assert darn.runs() == []


def test_gc_leaves_what_lives_alone(darn):
    darn.csv("id,command", ["a", "while [ ! -e go ]; do sleep 0.02; done; echo done"])
    live = darn.start("run", "tasks.csv")
    until("it runs", lambda: (darn.state / "darn.db").exists() and darn.runs()
          and darn.status()["counts"]["running"] == 1)
    darn("gc", "--older-than", "0s", "--keep", "0", "--yes")
    darn.write("go", "")
    assert live.wait().status == 0
    assert darn.states() == {"a": "succeeded"} and darn.log("a").strip() == "done"


def test_notify_gets_the_summary(darn):
    darn.csv("id,command,retries", ["good", "true", 0], ["bad-one", "exit 1", 0])
    darn.run("tasks.csv", "--notify", "cat > notified", status=1)
    text = darn.path("notified").read_text()
    assert "bad-one" in text


def test_dry_run(darn):
    darn.csv("id,command,after,pool", ["a", "touch ran", "", ""], ["b", "touch ran", "a", "db"],
             ["c", "touch ran", "a", "db"])
    done = darn.run("tasks.csv", "--dry-run", "--auto-retry", "--max-retries", "2")
    assert not darn.path("ran").exists() and darn.runs() == []
    text = done.out + done.err
    assert re.search(r"\b3\b.*tasks?", text) and "db" in text
    assert re.search(r"\b54\b", text), f"3 tasks x 3 cycles x 6 attempts are not there:\n{text}"


def test_a_task_file_on_standard_input(darn):
    darn.run("-", input=b"id,command\na,touch csv\n")
    darn.run("-", input=b"tasks:\n  - {id: a, command: touch yaml}\n")
    assert darn.path("csv").exists() and darn.path("yaml").exists()
    done = darn("run", "-", input=b"id,comand\na,true\n")
    assert done.status == 65 and re.match(r"darn: (-|<?(standard input|stdin)>?):1:4: ",
                                          done.err), repr(done)


def test_a_hundred_thousand_rows(darn):
    with open(darn.path("big.csv"), "w") as out:
        out.write("id,command,after\n")
        for i in range(100_000):
            out.write(f"task-{i},echo {i},{f'task-{i - 10}' if i % 10 == 0 and i else ''}\n")
    done = darn.run("big.csv", "--dry-run")
    assert re.search(r"100[,.]?000", done.out + done.err), repr(done)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(darn, command):
    done = darn(command, "--help", status=0)
    assert command in done.out and "sage" in done.out
    assert len(done.out.splitlines()) > 5
    assert darn("help", command, status=0).out
    assert darn.runs() == []


def test_help_in_general(darn):
    text = darn("--help", status=0).out
    assert all(re.search(rf"^\s+{c}\b", text, re.M) for c in COMMANDS if c not in ("help",
                                                                                   "version"))
    assert re.match(r"darn \d+\.\d+", darn("--version", status=0).out)


def test_no_colour_where_there_is_no_terminal(mixed):
    for args in (["status"], ["runs"], ["lineage"], ["explain", "last", "bad"]):
        assert not ESCAPES.search(mixed(*args, status=0).out), args
    assert "\x1b[" in mixed("--color", "always", "status", status=0).out
    assert "\x1b[" not in mixed("status", status=0, env={"NO_COLOR": "1"}).out


def test_another_state_directory(darn):
    darn.csv("id,command", ["a", "true"])
    darn("--state", "elsewhere", "run", "tasks.csv", status=0)
    assert not darn.state.exists()
    assert darn("status", "--json", status=0,
                env={"DARN_STATE": "elsewhere"}).json()["state"] == "succeeded"


def test_output_that_cannot_be_written_is_a_failure(mixed):
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "status", "--json"], cwd=mixed.dir, env=mixed.env,
                              stdout=full,
                              stderr=subprocess.PIPE)
    assert done.returncode == 74, done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_whatever_is_closed_the_run_is_taken_home(darn, closed):
    darn.csv("id,command", *[[f"t{i}", f"echo {i}"] for i in range(20)])
    done = subprocess.run(["/bin/sh", "-c", f"'{PROGRAM}' run tasks.csv {closed}"], cwd=darn.dir,
                          env=darn.env, capture_output=True, timeout=60)
    assert done.returncode == 0, done
    assert [darn.log(f"t{i}") for i in range(20)] == [f"{i}\n" for i in range(20)]
