"""Ctrl-C, kill -9, detached runs, runs that are changed while they live. `gate` tasks wait for a
file, so that nothing here depends on time."""

import csv
import os
import random
import signal
from pathlib import Path

import pytest

from conftest import command_line, until

# Notes its start and its end; ends when the file `go` is there.
GATE = ("echo start.$DARN_TASK >> trace\n"
        "while [ ! -e go ]; do sleep 0.02; done\n"
        "echo end.$DARN_TASK >> trace\n")


@pytest.fixture
def gate(darn):
    darn.script("gate.sh", GATE)
    return darn


def started(darn, *tasks):
    until(f"{tasks} started",
          lambda: {f"start.{t}" for t in tasks} <= set(darn.lines("trace")))


def test_the_first_interrupt_drains_and_resume_goes_on(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"], ["b", "./gate.sh"])
    live = darn.start("run", "tasks.csv", "-j", "1")
    started(darn, "a")
    live.signal(signal.SIGINT)
    darn.write("go", "")
    assert live.wait().status == -signal.SIGINT
    assert darn.lines("trace") == ["start.a", "end.a"]
    status = darn.status()
    assert status["state"] == "interrupted"
    assert darn.states()["a"] == "succeeded" and darn.states()["b"] == "ready"
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "end.a", "start.b", "end.b"]
    assert darn.status()["state"] == "succeeded"
    assert len(darn.runs()) == 1


def test_the_second_interrupt_kills(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")

    def again():
        live.signal(signal.SIGINT)  # more often than needed: two at once count as one
        return live.process.poll() is not None

    until("it ends", again, 30)
    assert live.wait().status == -signal.SIGINT
    assert darn.lines("trace") == ["start.a"]
    assert darn.status()["state"] == "interrupted"
    darn.write("go", "")
    darn("resume", "last", status=0)
    assert darn.states() == {"a": "succeeded"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_term_and_hangup_end_what_runs(gate, number):
    darn = gate
    darn.csv("id,command,retries", ["a", "./gate.sh", 0], ["b", "./gate.sh", 0])
    live = darn.start("run", "tasks.csv", "-j", "1")
    started(darn, "a")
    live.signal(number)
    assert live.wait().status == -number
    assert darn.status()["state"] == "interrupted"
    assert darn.lines("trace") == ["start.a"]
    darn.write("go", "")
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "start.a", "end.a", "start.b", "end.b"]


def test_kill_9_of_darn_then_resume_adopts_what_still_runs(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"], ["b", "./gate.sh"], ["c", "echo c >> trace"])
    live = darn.start("run", "tasks.csv", "-j", "2")
    started(darn, "a", "b")
    live.signal(signal.SIGKILL)
    live.wait()
    assert darn.status()["state"] == "interrupted"
    resumed = darn.start("resume", "last", "-j", "2")
    until("it is running again", lambda: darn.status()["state"] == "running")
    darn.write("go", "")
    assert resumed.wait().status == 0, repr(resumed.done())
    trace = darn.lines("trace")
    assert sorted(trace) == sorted(["start.a", "start.b", "end.a", "end.b", "c"]), "ran twice"
    tasks = darn.tasks()
    assert {i: (t["state"], t["attempts"]) for i, t in tasks.items()} == \
        dict.fromkeys("abc", ("succeeded", 1))
    assert darn.status()["counts"]["healed"] == 0


def test_kill_9_of_darn_then_resume_reads_what_has_ended_meanwhile(gate):
    darn = gate
    darn.csv("id,command,output_file", ["a", "./gate.sh && echo said && echo x > a.txt", "a.txt"],
             ["b", "./gate.sh; exit 7", ""])
    live = darn.start("run", "tasks.csv", "-j", "2", "--retries", "0")
    started(darn, "a", "b")
    live.signal(signal.SIGKILL)
    live.wait()
    darn.write("go", "")
    until("both have ended", lambda: len(darn.lines("trace")) == 4 and darn.path("a.txt").exists())
    until("nobody is left", lambda: not darn.alive())
    darn("resume", status=1)
    tasks = darn.tasks()
    assert (tasks["a"]["state"], tasks["a"]["attempts"]) == ("succeeded", 1)
    assert (tasks["b"]["state"], tasks["b"]["attempts"], tasks["b"]["exit"]) == ("failed", 1, 7)
    assert "said" in darn.log("a")
    assert len(darn.lines("trace")) == 4, "something ran twice"


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_again_and_again_and_nothing_runs_twice(darn, seed):
    pick = random.Random(seed)
    tasks = [f"t{i}" for i in range(120)]
    darn.csv("id,command,after",
             *[[t, f"echo {t} >> effects; sleep 0.03", tasks[i - 10] if i >= 10 else ""]
                                   for i, t in enumerate(tasks)])
    live, kills = darn.start("run", "tasks.csv", "-j", "4", "--quiet"), 0
    while kills < 6:
        wanted = len(darn.lines("effects")) + pick.randint(1, 12)
        until("some tasks more have run, or all",
              lambda: len(darn.lines("effects")) >= wanted or live.process.poll() is not None)
        if live.process.poll() is not None:
            break
        live.signal(signal.SIGKILL)
        live.wait()
        kills += 1
        live = darn.start("resume", "last", "-j", "4", "--quiet")
    assert live.wait().status == 0, repr(live.done())
    assert kills >= 3
    assert sorted(darn.lines("effects")) == sorted(tasks)
    status = darn.status("last", "--no-tasks")
    assert (status["counts"]["succeeded"], status["counts"]["healed"]) == (len(tasks), 0)


def shims(darn):
    return [pid for pid in darn.alive() if "__shim" in command_line(pid)]


def kill_everything(darn, live):
    """As a power cut or the OOM killer would: darn, its shims, its tasks."""
    live.signal(signal.SIGKILL)
    for pid in shims(darn) + darn.alive():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    live.wait()
    until("all are gone", lambda: not darn.alive())


def test_what_is_lost_runs_again_and_uses_up_no_retry(gate):
    darn = gate
    darn.csv("id,command,retries", ["a", "./gate.sh", 0])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    kill_everything(darn, live)
    darn.write("go", "")
    darn("resume", status=0)
    assert darn.lines("trace") == ["start.a", "start.a", "end.a"]
    attempts = darn.explain("a")["attempts"]
    assert [a["state"] for a in attempts] == ["lost", "succeeded"]


def test_what_must_run_once_at_most_is_not_started_again(gate):
    darn = gate
    darn.csv("id,command,idempotent", ["a", "./gate.sh", "false"], ["b", "true", ""])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    kill_everything(darn, live)
    darn.write("go", "")
    darn("resume", status=1)
    assert darn.lines("trace") == ["start.a"]
    assert darn.states()["a"] == "abandoned"


def test_a_task_whose_shim_died_never_runs_beside_itself(gate):
    darn = gate
    # The task outlives its shim; the new darn has to end it before it starts it again.
    darn.script("alone.sh", """
if [ -e pid ] && grep -qs '^State:.[^ZX]' /proc/$(cat pid)/status; then
  echo beside >> trace
  exit 3
fi
echo $$ > pid
echo start.a >> trace
while [ ! -e go ]; do sleep 0.02; done
echo end.a >> trace
""")
    darn.csv("id,command,retries", ["a", "./alone.sh", 0])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    mine = shims(darn)
    assert mine, "no shim was found"
    live.signal(signal.SIGKILL)
    live.wait()
    for pid in mine:
        os.kill(pid, signal.SIGKILL)
    resumed = darn.start("resume")
    until("it was started again",
          lambda: len(darn.lines("trace")) > 1 or resumed.process.poll() is not None)
    darn.write("go", "")
    assert resumed.wait().status == 0
    assert darn.lines("trace") == ["start.a", "start.a", "end.a"]


def test_two_darns_never_work_on_one_run(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    done = darn("resume", "last")
    assert done.status == 75, repr(done)
    darn.write("go", "")
    assert live.wait().status == 0
    assert darn.lines("trace") == ["start.a", "end.a"]


def test_one_run_of_a_lineage_at_a_time(gate):
    darn = gate
    darn.csv("id,command,retries", ["a", "./gate.sh; exit 1", 0], ["b", "exit 1", 0])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    parent = darn.status()["run"]
    for args in (["retry", parent, "--launch"], ["run", "tasks.csv", "--parent", parent]):
        done = darn(*args)
        assert done.status == 75 and parent in done.err, repr(done)
    live.signal(signal.SIGTERM)
    live.wait()
    # A re-run of it, beside which neither another one nor its parent goes on.
    child = darn.start("run", "tasks.csv", "--parent", parent)
    until("the child started", lambda: darn.lines("trace").count("start.a") == 2)
    for args in (["run", "tasks.csv", "--parent", parent], ["resume", parent]):
        done = darn(*args)
        assert done.status == 75 and "same lineage" in done.err, repr(done)
    assert len(darn.runs()) == 2, "a refused run was left behind"
    darn.write("go", "")
    assert child.wait().status == 1
    darn("resume", parent, status=1)
    assert darn.lines("trace").count("start.a") == 3


@pytest.mark.parametrize("detach", [[], ["--detach"]], ids=["", "detached"])
def test_re_runs_at_one_moment_never_share_a_task(darn, detach):
    darn.csv("id,command,retries", ["a", "test -e go && { echo x >> ran; sleep 0.3; }", 0])
    darn.run("tasks.csv", status=1)
    parent = darn.status()["run"]
    darn.write("go", "")
    live = [darn.start("run", "tasks.csv", "--parent", parent, *detach) for _ in range(4)]
    ends = [run.wait() for run in live]
    for run in darn.runs():
        darn("wait", run["run"])
    assert darn.lines("ran") == ["x"], [repr(e) for e in ends]
    assert {e.status for e in ends} <= {0, 75} and 0 in {e.status for e in ends}


def test_resuming_what_is_done_does_nothing(darn):
    darn.csv("id,command", ["a", "echo x >> ran"])
    darn.run("tasks.csv")
    darn("resume", "last")
    assert len(darn.lines("ran")) == 1


def test_tasks_are_added_to_a_live_run(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    darn.csv("id,command,after", ["b", "echo b >> trace", ""], ["c", "echo c >> trace", "a;b"],
             name="more.csv")
    live = darn.start("run", "tasks.csv", "-j", "2")
    started(darn, "a")
    darn("add", "last", "more.csv", status=0)
    until("the added one ran", lambda: "b" in darn.lines("trace"))
    darn.write("go", "")
    assert live.wait().status == 0
    assert darn.lines("trace") == ["start.a", "b", "end.a", "c"]
    assert set(darn.states().values()) == {"succeeded"} and len(darn.states()) == 3


@pytest.mark.parametrize("seed", range(4))
def test_what_is_added_as_a_run_ends_runs_or_is_refused(darn, seed):
    luck = random.Random(seed)
    darn.csv("id,command", ["a", f"sleep {luck.uniform(0.05, 0.3):.3f}"])
    live = darn.start("run", "tasks.csv", "-j", "2")
    until("the run is there", lambda: darn.runs())
    taken = []
    for n in range(200):
        darn.csv("id,command", [f"b{n}", f"echo b{n} >> ran"], name=f"more{n}.csv")
        done = darn("add", "last", f"more{n}.csv")
        if done.status != 0:
            assert done.status == 64 and "ended" in done.err, repr(done)
            break
        taken.append(f"b{n}")
        if n >= 3 and luck.random() < 0.5:
            until("the engine is idle", lambda: taken[-1] in darn.lines("ran") or
                  live.process.poll() is not None)
    assert live.wait().status == 0
    assert sorted(darn.lines("ran")) == sorted(taken)
    assert set(darn.states()) == {"a", *taken}


def test_adding_under_other_columns_than_the_run_s(gate):
    darn = gate
    darn.csv("command,id,shape", ["./gate.sh", "a", "round"], ["exit 1", "b", "flat"])
    darn.csv("id,shade,retries,command", ["c", "blue", 0, 'test "$shade$shape" = no'],
             name="more.csv")
    live = darn.start("run", "tasks.csv", "-j", "2", "--retries", "0")
    started(darn, "a")
    darn("add", "last", "more.csv", status=0)
    darn.write("go", "")
    assert live.wait().status == 1
    assert darn.states() == {"a": "succeeded", "b": "failed", "c": "failed"}
    written = darn.path(darn("retry", "last", status=0).out.strip())
    with open(written, newline="") as f:
        rows = {row["id"]: row for row in csv.DictReader(f)}
    assert (rows["b"]["shape"], rows["b"]["command"]) == ("flat", "exit 1")
    assert (rows["c"]["shade"], rows["c"]["retries"], rows["c"]["command"]) == (
        "blue", "0", 'test "$shade$shape" = no')
    darn("run", written, status=1)
    assert darn.states() == {"b": "failed", "c": "failed"}


def test_adding_what_is_wrong_leaves_the_run_alone(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    darn.csv("id,command", ["b", "touch ran"], ["a", "touch ran"], name="more.csv")
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    done = darn("add", "last", "more.csv")
    assert done.status == 65 and "more.csv:3:1" in done.err, repr(done)
    darn.write("go", "")
    assert live.wait().status == 0
    assert darn.states() == {"a": "succeeded"} and not darn.path("ran").exists()


def test_cancel_ends_what_runs_and_what_waits(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"], ["b", "touch ran"])
    live = darn.start("run", "tasks.csv", "-j", "1")
    started(darn, "a")
    darn("cancel", "last", status=0)
    assert live.wait().status != 0
    status = darn.status()
    assert status["state"] == "cancelled"
    assert set(darn.states().values()) == {"cancelled"}
    assert darn.lines("trace") == ["start.a"] and not darn.path("ran").exists()


def test_detach_and_wait(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"], ["b", "exit 1"])
    done = darn.run("tasks.csv", "--detach", "--retries", "0", timeout=30)
    run = done.out.strip()
    assert run == darn.status()["run"]
    started(darn, "a")
    assert darn.status()["state"] == "running"
    darn("wait", run, "--timeout", "0.2s", status=75)
    darn.write("go", "")
    darn("wait", run, status=1)
    assert darn.states() == {"a": "succeeded", "b": "failed"}


def test_follow_a_live_run(gate):
    darn = gate
    darn.csv("id,command", ["a", "./gate.sh"])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    follower = darn.start("follow", "last")
    events = darn.start("events", "last", "--follow")
    darn.write("go", "")
    assert live.wait().status == 0
    assert follower.wait().status == 0
    shown = events.wait()
    assert shown.status == 0 and shown.jsonl()[-1]["event"] == "run_ended"


def test_two_runs_at_once_in_one_directory(gate):
    darn = gate
    for name in ("one", "two"):
        darn.csv("id,command", [f"{name}-a", "./gate.sh"], [f"{name}-b", "./gate.sh"],
                 name=f"{name}.csv")
    live = [darn.start("run", f"{name}.csv", "-j", "2") for name in ("one", "two")]
    started(darn, "one-a", "one-b", "two-a", "two-b")
    darn.write("go", "")
    assert [run.wait().status for run in live] == [0, 0]
    assert len({r["run"] for r in darn.runs()}) == 2
    assert sorted(darn.lines("trace")) == sorted(
        f"{what}.{name}-{t}" for what in ("start", "end") for name in ("one", "two") for t in "ab")


def test_log_of_what_still_runs(gate):
    darn = gate
    darn.csv("id,command", ["a", "echo so far; ./gate.sh; echo done"])
    live = darn.start("run", "tasks.csv")
    started(darn, "a")
    until("the log shows what was said", lambda: darn.log("a").strip() == "so far")
    darn.write("go", "")
    assert live.wait().status == 0
    assert darn.log("a").split() == ["so", "far", "done"]
