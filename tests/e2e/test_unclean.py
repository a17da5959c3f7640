"""Ends that nobody saw: what may have done its work is not done again unless somebody says so; what
ran elsewhere is neither adopted nor declared dead; a re-run never starts beside what still lives."""

import signal
import sqlite3

import pytest

from conftest import until

GATE = ("#!/bin/sh\necho start.$DARN_TASK >> trace\n"
        "while [ ! -e go ]; do sleep 0.02; done\necho end.$DARN_TASK >> trace\n")


@pytest.fixture
def once(darn):
    """A run whose task `a`, which must not run twice, was killed with everything else; `b` is behind
    it, `c` is not, and `bad` has failed."""
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command,idempotent,after,retries", ["bad", "exit 1", "", "", 0],
             ["a", "./gate.sh", "false", "", ""],
             ["b", "echo b >> trace", "", "a", ""], ["c", "echo c >> trace", "", "", ""])
    live = darn.start("run", "tasks.csv", "-j", "1")
    until("a has started", lambda: "start.a" in darn.lines("trace"))
    live.signal(signal.SIGKILL)
    darn.kill_all()
    live.wait()
    darn.write("go", "")
    return darn


def test_what_must_not_run_twice_needs_force_to_resume(once):
    darn = once
    darn("resume", "-q", status=1)
    assert darn.states() == {"a": "abandoned", "b": "skipped", "c": "succeeded", "bad": "failed"}
    assert "not started again" in darn.explain("a")["attempts"][-1]["decision"]["why"]
    refused = darn("resume", status=64)
    assert "its failures were given up" in refused.err
    darn("resume", "--force", "-q", status=1)
    assert darn.states() == {"a": "succeeded", "b": "succeeded", "c": "succeeded", "bad": "failed"}
    assert darn.lines("trace") == ["start.a", "c", "start.a", "end.a", "b"]
    assert len(darn.explain("bad")["attempts"]) == 1, "--force is not for what has failed"


def test_force_at_the_first_resume(once):
    once("resume", "--force", "-q", status=1)
    assert once.states() == {"a": "succeeded", "b": "succeeded", "c": "succeeded", "bad": "failed"}
    assert [a["state"] for a in once.explain("a")["attempts"]] == ["lost", "succeeded"]


def test_what_must_not_run_twice_needs_force_to_retry(once):
    darn = once
    refused = darn("retry", "last", "--launch", status=75)
    assert "was cut off" in refused.err and "'darn resume" in refused.err
    darn("resume", "-q", status=1)
    darn("retry", "last", "--launch", "-q", status=1)
    tasks = darn.tasks()
    assert {t: tasks[t]["state"] for t in tasks} == {"a": "abandoned", "b": "skipped", "bad": "failed"}
    assert "may have done its work" in tasks["a"]["summary"]
    # The file alone says no more than the command.
    file = darn("retry", "last", status=0).out.strip()
    darn("run", file, "-q", status=1)
    assert darn.states()["a"] == "abandoned"
    assert darn.lines("trace").count("start.a") == 1
    darn("retry", "last", "--launch", "--force", "-q", status=1)
    assert darn.states() == {"a": "succeeded", "b": "succeeded", "bad": "failed"}
    assert darn.lines("trace").count("start.a") == 2 and darn.lines("trace").count("c") == 1


def test_what_was_ended_half_way_by_a_cancel_needs_force_too(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command,idempotent", ["a", "./gate.sh", "false"], ["b", "./gate.sh", ""])
    live = darn.start("run", "tasks.csv", "-j", "2")
    until("both run", lambda: len(darn.lines("trace")) == 2)
    darn("cancel", "last", status=0)
    live.wait()
    darn.write("go", "")
    darn("resume", "-q", status=1)
    assert darn.states() == {"a": "cancelled", "b": "succeeded"}
    assert darn.lines("trace").count("start.a") == 1
    darn("resume", "--force", "-q", status=0)
    assert darn.states() == {"a": "succeeded", "b": "succeeded"}


def test_a_retry_never_starts_beside_what_lives(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    until("it runs", lambda: darn.lines("trace"))
    live.signal(signal.SIGKILL)
    live.wait()
    done = darn("retry", "last", "--launch", status=75)
    assert "its task 'a' may still be running" in done.err
    file = darn("retry", "last", status=0).out.strip()
    assert darn("run", file, status=75).err
    assert darn.lines("trace") == ["start.a"]
    darn.write("go", "")
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "end.a"]


def test_gc_leaves_alone_what_still_runs_without_its_engine(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    until("it runs", lambda: darn.lines("trace"))
    live.signal(signal.SIGKILL)
    live.wait()
    assert "nothing is old enough" in darn("gc", "--keep", 0, "--yes", status=0).err
    darn.write("go", "")
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "end.a"]
    darn("gc", "--keep", 0, "--yes", status=0)
    assert darn.runs() == []


def elsewhere(darn):
    db = sqlite3.connect(darn.state / "darn.db")
    db.execute("UPDATE runs SET host = 'elsewhere'")
    db.commit()
    db.close()


def test_a_run_of_another_host_is_refused_until_it_is_taken_over(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    until("it runs", lambda: darn.lines("trace"))
    live.signal(signal.SIGKILL)
    live.wait()
    elsewhere(darn)
    done = darn("resume", status=75)
    assert "was last worked on by elsewhere, where 1 of its tasks may still run" in done.err
    assert "--take-over" in done.err and darn.lines("trace") == ["start.a"]
    resumed = darn.start("resume", "--take-over")
    until("it goes on", lambda: darn.status()["state"] == "running")
    darn.write("go", "")
    assert resumed.wait().status == 0
    assert darn.lines("trace") == ["start.a", "end.a"]


def test_a_resume_that_is_refused_changes_nothing(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv", "-j", 1)
    until("it runs", lambda: darn.lines("trace"))
    darn("cancel", "last", "--kill", status=0)
    live.wait()
    until("nobody is left", lambda: not darn.alive())
    assert darn.status()["state"] == "cancelled"

    def state():
        db = sqlite3.connect(darn.state / "darn.db")
        rows = db.execute("SELECT r.cycle, r.settings, r.state, count(c.cycle) FROM runs r "
                          "JOIN cycles c ON c.run = r.key").fetchall()
        db.close()
        return rows

    # As an older copy of the database would be, which does not know of the attempt.
    db = sqlite3.connect(darn.state / "darn.db")
    db.executescript("DELETE FROM attempts; UPDATE totals SET attempts = 0; "
                     "UPDATE tasks SET attempts = 0;")
    db.close()
    before = state()
    for _ in range(2):
        done = darn("resume", "-j", 7, status=74)
        assert "the database knows nothing of the last 1 attempts" in done.err
        assert state() == before
    darn.write("go", "")
    darn("resume", "-j", 7, "--force", status=0)
    assert state() != before


def test_a_run_of_another_host_where_nothing_runs_goes_on(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"], ["b", "echo b >> trace"])
    live = darn.start("run", "tasks.csv", "-j", 1)
    until("it runs", lambda: darn.lines("trace"))
    live.signal(signal.SIGINT)
    darn.write("go", "")
    live.wait()
    elsewhere(darn)
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "end.a", "b"]


def test_without_its_exit_records_what_lives_is_not_started_again(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    until("it runs", lambda: darn.lines("trace"))
    live.signal(signal.SIGKILL)
    live.wait()
    run = darn.status()["run"]
    (darn.state / "runs" / run / "slot-0.ring").unlink()
    done = darn("resume", status=75)
    assert f"of attempt {run}/a/1 lives" in done.err
    assert darn.lines("trace") == ["start.a"]
    darn.kill_all()
    darn.write("go", "")
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "start.a", "end.a"]
