"""What was written and is no longer so: output that is cut short, gone or another's; a database with
flipped pages, without its end, without its -wal, with counts that are wrong. Noticed, said in one
line, and never gone on from as if nothing were."""

import os
import random
import shutil
import signal
import sqlite3

import pytest

from conftest import until

GATE = "#!/bin/sh\necho start.$DARN_TASK >> trace\nwhile [ ! -e go ]; do sleep 0.02; done\n"


def run_dir(darn):
    return darn.state / "runs" / darn.status()["run"]


def one_line(done):
    lines = done.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("darn: "), repr(done)
    return lines[0]


def problems(darn, status=1):
    return [p["problem"] for p in darn("doctor", "--json", status=status).json()["problems"]]


# --- captured output

def cut(path):
    os.truncate(path, path.stat().st_size - 3)


def overwrite(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def foreign(path):
    path.write_bytes(b"something of somebody else's that is long enough\n" * 10)


DAMAGES = {"cut short": (cut, "is cut short: 3 bytes of it are missing"),
           "gone": (os.unlink, "is gone"),
           "overwritten": (overwrite, "is not what was written there"),
           "another's": (foreign, "is not what was written there")}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_output_is_said_and_never_handed_on(darn, damage):
    harm, words = DAMAGES[damage]
    darn.csv("id,command,after,retries", ["a", "echo some output of a", "", ""],
             ["gate", "test -e go", "", 0],
             ["b", "cp $DARN_OUTPUT_a got && echo b >> ran", "a;gate", 0],
             ["c", "echo c >> order", "a;gate", 0])
    darn.run("tasks.csv", "-j", 1, status=1)
    harm(run_dir(darn) / "slot-0.out")
    done = darn("log", "last", "a", status=74)
    assert words in one_line(done) and "slot-0.out" in done.err
    assert darn("log", "last", "a", "--json").status == 74
    assert any(words in p and "'a'" in p for p in problems(darn))
    darn.write("go", "")
    darn("retry", "last", "--launch", "-q", status=1)
    assert not darn.path("got").exists() and not darn.lines("ran"), "started with damaged input"
    b = darn.tasks()["b"]
    assert b["state"] == "failed" and "a.damaged--" in b["summary"], b
    assert words.split(":")[0].replace(" ", "-") in b["summary"], b
    assert darn.lines("order") == ["c"], "what does not need it is not held back"


def test_a_resume_says_what_output_is_damaged(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "echo some output of a"], ["b", "./gate.sh"])
    live = darn.start("run", "tasks.csv", "-j", 1)
    until("b runs", lambda: "start.b" in darn.lines("trace"))
    live.signal(signal.SIGKILL)
    live.wait()
    cut(run_dir(darn) / "slot-0.out")
    darn.write("go", "")
    done = darn("resume", "-q", status=0)
    assert "is cut short: 3 bytes of it are missing: of task 'a'" in one_line(done)


def test_an_output_file_that_has_disappeared_is_not_handed_on(darn):
    darn.csv("id,command,output_file,after", ["a", "echo x > a.txt", "a.txt", ""],
             ["gate", "test -e go", "", ""], ["b", "echo b >> ran", "", "a;gate"])
    darn.run("tasks.csv", "--retries", 0, status=1)
    darn.path("a.txt").unlink()
    assert any("its output" in p and "a.txt is not there any more" in p for p in problems(darn))
    darn.write("go", "")
    darn("retry", "last", "--launch", "-q", "--retries", 0, status=1)
    assert not darn.lines("ran")
    assert "a.txt is not there any more" in darn.tasks()["b"]["summary"]
    darn.path("a.txt").write_text("back\n")
    darn("retry", "last", "--launch", "-q", status=0)
    assert darn.lines("ran") == ["b"]


def test_an_output_that_was_half_handed_over_is_made_anew(darn):
    darn.csv("id,command,after", ["a", "echo whole", ""], ["b", "cat $DARN_OUTPUT_a >> got", "a"],
             ["gate", "test -e go", "b"], ["c", "cat $DARN_OUTPUT_a >> got", "a;gate"])
    darn.run("tasks.csv", "--retries", 0, status=1)
    handed = run_dir(darn) / "outputs/a"
    handed.write_bytes(b"")  # as a power cut may leave it
    darn.write("go", "")
    darn("retry", "last", "--launch", "-q", status=0)
    assert darn.lines("got") == ["whole", "whole"]


# --- the database

def a_story(darn):
    """Two runs with all kinds of ends; returns what each task's state is."""
    darn.csv("id,command,after,output_file",
             *[[f"t{i}", f"echo {i} " + "x" * 400, f"t{i - 5}" if i >= 5 else "", ""]
               for i in range(60)],
             ["bad", "exit 3", "", ""], ["behind", "true", "bad", ""])
    darn.run("tasks.csv", "-q", status=1)
    darn.csv("id,command", ["one", "echo 1"], ["two", "echo 2"], name="second.csv")
    darn.run("second.csv", "-q")
    return {r["run"]: darn.states(r["run"]) for r in darn.runs()}


def test_a_healthy_state(darn):
    a_story(darn)
    done = darn("doctor", status=0)
    assert done.out == f"nothing is wrong with {darn.state}\n"
    assert darn("doctor", "--json", status=0).json() == {"healthy": True, "problems": []}


def refuses_to_repair(darn, status):
    """Also to make anything."""
    done = darn("doctor", "--repair", status=status)
    assert not list(darn.state.glob("darn.db.*"))
    return done


def test_what_is_of_another_version_or_program_is_not_called_damaged(darn):
    a_story(darn)
    settled(darn)
    mends = [("PRAGMA user_version = 99", 78, "written by a newer darn", "upgrade darn"),
             ("PRAGMA user_version = 2", None, None, None),
             ("PRAGMA application_id = 7", 74, "a database of another program", "--state DIR")]
    for statement, status, what, mend in mends:
        sql(darn, statement)
        if status is None:
            assert problems(darn, status=0) == []
            continue
        done = refuses_to_repair(darn, status)
        assert what in done.out and what in done.err and mend in done.err, repr(done)
        assert mend in done.out and "doctor --repair" not in done.out + done.err, repr(done)


def test_an_older_state_is_brought_up_to_date_by_the_next_that_writes(darn):
    a_story(darn)
    sql(darn, "ALTER TABLE totals DROP COLUMN highest_usd",
        "ALTER TABLE totals DROP COLUMN highest_tokens", "PRAGMA user_version = 1")
    done = darn("doctor", status=1)
    assert done.out == (f"{darn.state}/darn.db: written by an older darn; any command that writes, "
                        "such as darn run or darn resume, brings it up to date\n")
    darn("resume")
    assert problems(darn, status=0) == []


def test_nothing_to_look_at(darn):
    assert "no runs in" in one_line(darn("doctor", status=64))


def sql(darn, *statements):
    db = sqlite3.connect(darn.state / "darn.db")
    db.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def repair(darn):
    """As it says on the screen; returns the note lines."""
    done = darn("doctor", "--repair", status=1)
    new = sorted(darn.state.glob("darn.db.repaired-*"))
    assert len(new) == 1 and str(new[0]) in done.out, repr(done)
    steps = [line for line in done.out.splitlines() if line.startswith(("  mkdir", "  mv"))]
    assert len(steps) == 2
    before = (darn.state / "darn.db").read_bytes()
    assert os.system("set -e\n" + "\n".join(steps)) == 0
    assert (darn.state / "damaged/darn.db").read_bytes() == before
    return done.out


WRONG = {
    "totals": ("UPDATE totals SET succeeded = succeeded - 2, ready = 2 WHERE run = 1",
               "its totals say 58 succeeded, a count says 60"),
    "pending": ("UPDATE tasks SET pending = 2 WHERE id = 'behind'",
                "1 tasks wait for another number of dependencies than are open (first: 'behind')"),
    "running": ("UPDATE tasks SET state = 'running' WHERE id = 'bad'",
                "1 tasks are said to run, without an attempt that does (first: 'bad')"),
    "orphans": ("DELETE FROM tasks WHERE id = 't59'",
                "1 rows of attempts belong to tasks that are not there"),
    "specification": ("UPDATE task_specs SET spec = '{' WHERE task = (SELECT max(key) FROM tasks)",
                      "1 specifications do not read"),
    "no end": ("UPDATE attempts SET ended = 0 WHERE task = (SELECT key FROM tasks WHERE id = 't3')",
               "1 attempts have ended at no time (first: of 't3')"),
    "denied": ("UPDATE tasks SET state = 'ready' WHERE id = 't59'",
               "1 tasks have a success that their state denies (first: 't59')"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_agree_with_itself_is_found_and_repaired(darn, wrong):
    statement, words = WRONG[wrong]
    story = a_story(darn)
    sql(darn, statement)
    assert words in problems(darn), darn("doctor").out
    repair(darn)
    assert problems(darn, status=0) == []
    for run, states in story.items():
        now = darn.states(run)
        if wrong == "orphans":
            pass  # put back from its specification and its attempt
        if wrong == "running":
            assert now.pop("bad", None) in (None, "abandoned")
            states.pop("bad", None)
        assert now == states


def settled(darn):
    """Everything in one file, as after a while."""
    db = sqlite3.connect(darn.state / "darn.db")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


@pytest.mark.parametrize("seed", range(6))
def test_flipped_pages(darn, seed):
    story = a_story(darn)
    settled(darn)
    pick = random.Random(seed)
    path = darn.state / "darn.db"
    data = bytearray(path.read_bytes())
    pages = len(data) // 4096
    for page in pick.sample(range(1, pages), 1 + seed):
        at = page * 4096
        data[at:at + 4096] = bytes(pick.randrange(256) for _ in range(4096))
    path.write_bytes(data)
    done = darn("doctor")
    if done.status == 0:
        return  # a page that is not in use
    assert "darn doctor --repair" in done.out
    for command in (["status"], ["runs"], ["resume"]):
        said = darn(*command)
        assert said.status in (0, 1, 64, 74) and "SQLite" not in said.err, repr(said)
    repair(darn)
    left = darn("doctor", "--json").json()
    assert not [p for p in left["problems"] if "darn doctor --repair" in p["mend"]], left
    # What can be read is what it was; what is not known any more is never ready to run.
    saved = 0
    for run in darn.runs():
        for task, state in darn.states(run["run"]).items():
            before = {s.get(task) for s in story.values()} - {None}
            assert state in before | {"abandoned"}, (task, state, before)
            saved += state in before
    assert saved > (10 if seed < 2 else 0)  # the more is damaged, the less can be saved


def test_a_database_without_its_end(darn):
    a_story(darn)
    settled(darn)
    path = darn.state / "darn.db"
    os.truncate(path, path.stat().st_size // 3 * 2)
    assert "damaged" in one_line(darn("status", status=74))
    assert darn("doctor").status == 1
    repair(darn)
    left = darn("doctor", "--json").json()
    assert not [p for p in left["problems"] if "darn doctor --repair" in p["mend"]], left


def test_a_database_of_which_nothing_can_be_read(darn):
    a_story(darn)
    settled(darn)
    (darn.state / "darn.db").write_bytes(b"\0" * 50000)
    done = darn("doctor", "--repair")
    assert done.status == 74 and "restore a copy" in done.err, repr(done)
    assert not list(darn.state.glob("darn.db.repaired-*"))


def test_a_wal_that_was_removed_is_noticed_and_nothing_runs_twice(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command,after", *[[f"t{i}", f"echo t{i} >> trace", ""] for i in range(10)],
             ["last", "./gate.sh", ";".join(f"t{i}" for i in range(10))])
    live = darn.start("run", "tasks.csv", "-j", 2)
    until("the first have run", lambda: len(darn.lines("trace")) >= 1)
    shutil.copy(darn.state / "darn.db", darn.path("older.db"))
    until("the last one runs", lambda: "start.last" in darn.lines("trace"))
    live.signal(signal.SIGKILL)
    live.wait()
    darn.write("go", "")
    until("nobody is left", lambda: not darn.alive())
    kept = darn.path("kept")
    kept.mkdir()
    for file in darn.state.glob("darn.db*"):
        shutil.move(file, kept)
    # A copy of the time when nothing had run; without its -wal it may not even know of the run.
    db = sqlite3.connect(kept / "darn.db")
    copy = sqlite3.connect(darn.state / "darn.db")
    db.backup(copy)
    copy.execute("PRAGMA foreign_keys = OFF")
    copy.executescript("DELETE FROM attempts; UPDATE totals SET attempts = 0, running = 0, "
                       "succeeded = 0, ready = 10, waiting = 1; "
                       "UPDATE tasks SET state = 'ready', attempts = 0 WHERE id <> 'last'; "
                       "UPDATE tasks SET state = 'waiting', attempts = 0, pending = 10 "
                       "WHERE id = 'last';")
    copy.commit()
    copy.close()
    db.close()
    before = darn.lines("trace")
    done = darn("resume", status=74)
    assert "the database knows nothing of the last 11 attempts" in one_line(done)
    assert darn.lines("trace") == before
    assert any("the database knows nothing" in p for p in problems(darn))
    for file in kept.iterdir():
        shutil.move(file, darn.state / file.name)
    darn("resume", "-q", status=0)
    assert sorted(darn.lines("trace")) == sorted([*(f"t{i}" for i in range(10)), "start.last"])


def test_a_run_that_was_cut_off_is_named(darn):
    darn.write("gate.sh", GATE, 0o755)
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    until("it runs", lambda: darn.lines("trace"))
    assert problems(darn, status=0) == [], "a living run is healthy"
    assert darn("doctor", "--repair", status=75).err
    live.signal(signal.SIGKILL)
    live.wait()
    done = darn("doctor", status=1)
    run = darn.status()["run"]
    assert done.out == (f"run {run}: was cut off: its engine is dead, 1 tasks were running, "
                        f"1 supervisors still live; darn resume {run}\n")
    darn.write("go", "")
    darn("resume", status=0)
    assert problems(darn, status=0) == []
    (darn.state / "runs/20200101-000000").mkdir()
    assert problems(darn) == [f"{darn.state}/runs/20200101-000000 belongs to no run of the database"]
