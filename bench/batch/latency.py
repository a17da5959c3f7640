#!/usr/bin/env python3
"""latency.py [ROUNDS=7]: how long a person waits, medians: darn --version; a million CSV rows read and
checked, and stored up to the first start; the resume of such a run up to its first start, half of it
marked as done in the database; status of it; the first retry in the next cycle of 100,000 tasks of which 100 failed.
DARN_LATENCY_TASKS instead of 1,000,000."""

import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from measure import DARN, Run, tasks

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 7
TASKS = int(os.environ.get("DARN_LATENCY_TASKS", 1_000_000))
STAMP = '"sh -c \'date +%s.%N > first\'"'
QUIET = ("--progress", "quiet")


def show(what, seconds):
    print(f"{what:<66} {statistics.median(seconds):8.3f} s  "
          f"({min(seconds):.3f} to {max(seconds):.3f}, {len(seconds)} rounds)", flush=True)


def timed(work, *arguments):
    began = time.time()
    subprocess.run([DARN, *arguments], cwd=work, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.time() - began


def forget(work):
    shutil.rmtree(work / ".darn", ignore_errors=True)
    for name in work.glob("batch-*"):
        shutil.rmtree(name)
    (work / "first").unlink(missing_ok=True)


def plan(work):
    tasks(work / "tasks.csv", TASKS, STAMP)
    show(f"{TASKS:,} rows read and checked (--dry-run)",
         [timed(work, "run", "tasks.csv", "--dry-run") for _ in range(ROUNDS)])
    starts, peaks = [], []
    for _ in range(ROUNDS):
        forget(work)
        run = Run(work, "run", "tasks.csv", "-j", "2", *QUIET)
        starts.append(run.until(work / "first"))
        peaks.append(run.end(signal.SIGINT)[1])
    show(f"{TASKS:,} rows stored, up to the first start", starts)
    print(f"{'  peak memory':<66} {statistics.median(peaks):8.1f} MiB")


def half_done(database):
    """As if the first half had been run: its tasks, their attempts and the totals."""
    with sqlite3.connect(database) as db:
        run, cycle_batch = db.execute("SELECT r.key, c.batch FROM runs r JOIN cycles c ON c.run = r.key").fetchone()
        last = (run << 32) + TASKS // 2
        db.execute("DELETE FROM attempts")
        db.execute("UPDATE tasks SET state = 'succeeded', attempts = 1, cycle = 1, started = 1, ended = 2 "
                   "WHERE key <= ?", (last,))
        db.execute("INSERT INTO attempts (key, task, number, cycle, kind, state, agent, key_name, slot, claimed, "
                   "reserved_usd, reserved_tokens, output_before, workspace, batch, started, ended, wall, details) "
                   "SELECT key, key, 1, 1, 'first', 'succeeded', '', '', 0, 1, 0, 0, '', '', ?, 1, 2, 1, "
                   "'{\"outcome\":{\"exit_code\":0,\"wall\":1}}' FROM tasks WHERE key <= ?", (cycle_batch, last))
        db.execute("UPDATE tasks SET state = 'ready', attempts = 0 WHERE key > ?", (last,))
        db.execute("UPDATE totals SET attempts = ?1, succeeded = ?1, ready = tasks - ?1", (TASKS // 2,))


def resume(work):
    """The tasks of the second half stamp the time, so that the first one to start tells it."""
    with open(work / "tasks.csv", "w") as file:
        file.write("id,command\n")
        file.writelines(f"t{n},/bin/sh -c 'test -s first || date +%s.%N > first'\n"
                        for n in range(1, TASKS + 1))
    run = Run(work, "run", "tasks.csv", "-j", "2", *QUIET)
    run.until(work / "first")
    run.end(signal.SIGINT)
    half_done(work / ".darn/darn.db")
    starts = []
    for _ in range(ROUNDS):
        (work / "first").unlink()
        run = Run(work, "resume", *QUIET)
        starts.append(run.until(work / "first"))
        run.end(signal.SIGINT)
    show(f"resume of {TASKS:,} tasks, half done, up to the first start", starts)
    show(f"status --no-tasks --json of {TASKS:,} tasks",
         [timed(work, "status", "--no-tasks", "--json") for _ in range(ROUNDS)])


def cycle(work):
    """100 tasks fail in their first cycle: from the end of its last attempt to the next start."""
    count, failing = TASKS // 10, 100
    with open(work / "tasks.csv", "w") as file:
        file.write("id,command\n")
        for n in range(1, count + 1):
            fails = n % (count // failing) == 0
            command = f"test -e seen.{n} || {{ : > seen.{n}; exit 127; }}" if fails else "/bin/true"
            file.write(f"t{n},{command}\n")
    waits = []
    for _ in range(min(ROUNDS, 2)):
        forget(work)
        for name in work.glob("seen.*"):
            name.unlink()
        timed(work, "run", "tasks.csv", "-j", "2", "--auto-retry", *QUIET)
        listing = subprocess.check_output([DARN, "events", "last"], cwd=work, text=True)
        first, second = 0.0, 1e18
        for line in listing.splitlines():
            event = json.loads(line)
            if event["event"] not in ("attempt_started", "attempt_ended"):
                continue
            at = datetime.fromisoformat(event["at"].replace("Z", "+00:00")).timestamp()
            if event["event"] == "attempt_ended" and event["attempt"]["cycle"] == 1:
                first = max(first, at)
            if event["event"] == "attempt_started" and event["attempt"]["cycle"] == 2:
                second = min(second, at)
        waits.append(second - first)
    show(f"{count:,} tasks, {failing} failed: to the first start of the next cycle", waits)


def main():
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        show("darn --version", [timed(work, "--version") for _ in range(5 * ROUNDS)])
        for part in (plan, resume, cycle):
            forget(work)
            part(work)


main()
