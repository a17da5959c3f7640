"""A real file system that fills up: under the database, the exit records, captured output, batches and
workspaces. darn ends with 74 and a line that says what to do; what runs goes on; with room again
`darn resume` brings everything to its end, and nothing ran twice."""

import os
import random
import subprocess
import time

import pytest

from conftest import PROGRAM, until

PATIENCE = 60
SEED = int(os.environ.get("DARN_DISK_SEED") or random.SystemRandom().randrange(1 << 32))


class SmallDisk:
    """The state directory, on a file system of its own."""

    def __init__(self, darn, kib):
        self.path = darn.state
        self.path.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0755", "darn-test",
                               self.path], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")

    def fill(self):
        """All of it, to the last block."""
        file = os.open(self.path / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while os.write(file, b"\0" * 65536):
                pass
        except OSError:
            pass
        os.close(file)

    def make_room(self, kib=65536):
        (self.path / "ballast").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", f"remount,size={kib}k", self.path], check=True)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=False)


@pytest.fixture
def small(darn):
    disks = []

    def make(kib):
        disks.append(SmallDisk(darn, kib))
        return disks[-1]

    yield make
    for disk in disks:
        disk.close()


def said_what_to_do(done, then="darn resume"):
    lines = [line for line in done.err.splitlines() if line.startswith("darn: ")
             and "had no room for" not in line]  # a resume says what output is lost
    assert done.status == 74 and len(lines) == 1, repr(done)
    assert lines[0].endswith(f"; free some space, then {then}"), lines[0]


def ran_once(darn, tasks):
    assert sorted(darn.lines("effects")) == sorted(tasks)


def test_output_that_fills_the_disk(darn, small):
    disk = small(1500)
    tasks = [f"t{i}" for i in range(60)]
    darn.csv("id,command", *[[t, f"head -c 60000 /dev/zero; echo {t} >> effects"] for t in tasks])
    live = darn.start("run", "tasks.csv", "-j", 2, "-q")
    done = live.wait()
    if done.status == 74:
        said_what_to_do(done)
    until("what ran has ended", lambda: not darn.alive())
    disk.make_room()
    if done.status == 74:
        darn("resume", "-q", status=0)
    ran_once(darn, tasks)
    assert set(darn.states().values()) == {"succeeded"}
    problems = [p["problem"] for p in darn("doctor", "--json", status=1).json()["problems"]]
    assert len(problems) == 1 and "the disk had no room for" in problems[0], problems
    short = [t for t in tasks if darn("log", "last", t).status == 74]
    assert short, "some output found no place"
    for task in tasks:
        if task not in short:
            assert len(darn("log", "last", task).out) == 60000


def test_what_depends_on_output_that_found_no_place_does_not_start(darn, small):
    disk = small(1000)
    darn.write("a.sh", "#!/bin/sh\necho start >> trace\nwhile [ ! -e go ]; do sleep 0.02; done\n"
               "head -c 300000 /dev/zero\n", 0o755)
    darn.csv("id,command,after,retries", ["a", "./a.sh", "", ""],
             ["b", "cp $DARN_OUTPUT_a got", "a", 0])
    live = darn.start("run", "tasks.csv", "-q")
    until("it runs", lambda: darn.lines("trace"))
    disk.fill()
    darn.write("go", "")
    time.sleep(0.3)  # until it has printed; later is as good
    disk.make_room()
    done = live.wait()
    if done.status == 74:
        darn("resume", "-q", status=1)
    assert darn.states() == {"a": "succeeded", "b": "failed"}
    assert "the-disk-had-no-room-for" in darn.tasks()["b"]["summary"]
    assert not darn.path("got").exists()


def test_a_limit_on_the_size_of_files_is_like_a_full_disk(darn):
    tasks = [f"t{i}" for i in range(120)]
    darn.csv("id,command", *[[t, f"echo {t} >> effects; head -c 4000 /dev/zero"] for t in tasks])
    limited = "ulimit -f 400; exec \"$DARN_PROGRAM\" \"$@\""  # blocks of 512 bytes
    full = 0
    for arguments in (["run", "tasks.csv"], ["resume"], ["resume"]):
        done = subprocess.run(["sh", "-c", limited, "sh", *arguments, "-j", "2", "-q"], cwd=darn.dir,
                              env=darn.env | {"DARN_PROGRAM": str(PROGRAM)}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        assert done.returncode in (0, 74), done
        full += done.returncode == 74
        if done.returncode == 74:
            assert "File too large; free some space, then darn resume" in done.stderr, done
        until("what ran has ended", lambda: not darn.alive())
    assert full == 3
    darn("resume", "-q", status=0)
    ran_once(darn, tasks)


def test_a_disk_that_is_full_before_there_is_a_run(darn):
    darn.csv("id,command", ["a", "true"])
    for blocks in (0, 4, 20, 60):  # of 512 bytes: in the middle of the database's first pages
        done = subprocess.run(["sh", "-c", f"ulimit -f {blocks}; exec \"$DARN_PROGRAM\" run tasks.csv"],
                              cwd=darn.dir, env=darn.env | {"DARN_PROGRAM": str(PROGRAM)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 74, (blocks, done)
        assert "free some space, then run it again" in done.stderr, (blocks, done)
        assert darn("status").status == 64
    darn.run("tasks.csv")


@pytest.mark.parametrize("round", range(3))
def test_full_at_any_moment(darn, small, round):
    print(f"DARN_DISK_SEED={SEED}")
    pick = random.Random(f"{SEED} {round}")
    disk = small(4000)
    darn.write("agent.sh", "#!/bin/sh\ncat > prompt\nhead -c 3000 /dev/zero\nsleep 0.02\n"
               "echo $DARN_TASK >> \"$WORK/effects\"\n", 0o755)
    darn.config(f'[agents.one]\ncommand = ["{darn.path("agent.sh")}"]\nstdin = "{{task}}"\n')
    tasks = [f"t{i}" for i in range(40)]
    agents = [f"a{i}" for i in range(20)]
    darn.csv("id,command,agent,task,after",
             *[[t, f"sleep 0.0{i % 5}; echo {t} >> effects; head -c 2000 /dev/zero", "", "",
                tasks[i - 6] if i >= 6 else ""] for i, t in enumerate(tasks)],
             *[[a, "", "one", "do it", ""] for a in agents])
    env = {"WORK": str(darn.dir)}
    full = 0
    if round == 0:  # from the beginning
        disk.fill()
        done = darn("run", "tasks.csv", "-j", 3, "-q", env=env)
        said_what_to_do(done, "run it again")
        disk.make_room(4000)
        full += 1
    live = darn.start("run", "tasks.csv", "-j", 3, "-q", env=env)
    while full < 8 and live.process.poll() is None:
        wanted = len(darn.lines("effects")) + pick.randint(0, 8)
        end = time.monotonic() + 5
        while len(darn.lines("effects")) < wanted and live.process.poll() is None \
                and time.monotonic() < end:
            time.sleep(0.002)
        disk.fill()
        end = time.monotonic() + 10
        while live.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        disk.make_room(4000 + 2000 * full)
        done = live.wait()
        if done.status == 74:
            full += 1
            none = darn("status").status == 64
            said_what_to_do(done, "run it again" if none else "darn resume")
            again = ["run", "tasks.csv"] if none else ["resume"]
            live = darn.start(*again, "-j", 3, "-q", env=env)
        else:
            assert done.status == 0, repr(done)
    done = live.wait()
    assert done.status == 0, repr(done)
    assert full >= 2
    ran_once(darn, [*tasks, *agents])
    attempts = [e for e in darn("events", "last", status=0).jsonl() if e["event"] == "attempt_ended"]
    states = {a["attempt"]["state"] for a in attempts}
    assert states <= {"succeeded", "cancelled"}, "a full disk is no task's failure"
    bad = [p["problem"] for p in darn("doctor", "--json").json()["problems"]]
    assert all("had no room for" in p for p in bad), bad
    print(f"[count] {full} times a full disk")
