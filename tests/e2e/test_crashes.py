"""kill -9 at random instants, of darn alone, of darn with its shims, of everything; each time
`darn resume` goes on. What the tasks themselves wrote down is the proof: with darn alone killed each
ran exactly once; when its shims die too, never two of one task at a time, and what must run once at
most did.

Tasks append to one file, so the order of its lines is the order in which things happened. The seed
is in the output of a failure; DARN_CRASH_SEED repeats it, DARN_CRASH_KILLS (of all three modes
together) makes it longer."""

import collections
import os
import random
import signal
import time

import pytest

from conftest import command_line, until

KILLS = int(os.environ.get("DARN_CRASH_KILLS", 200))
SHARES = {"alone": 0.5, "shims": 0.25, "all": 0.25}
SEED = int(os.environ.get("DARN_CRASH_SEED") or random.SystemRandom().randrange(1 << 32))
JOBS = 4

# No forks: a short task takes two milliseconds. `marks/TASK` has the pid and start time of each
# attempt so far; one that is alive (not dead, not a zombie) when the next begins is a twin.
TASK = r"""#!/bin/sh
stat() {
  start= state=
  { read -r line < /proc/$1/stat; } 2>/dev/null || return 1
  line=${line##*) }
  set -- $line
  state=$1 start=${20}
}
me="$DARN_TASK $DARN_ATTEMPT_NUMBER $$"
if [ -e marks/$DARN_TASK ]; then
  while read -r pid was; do
    if stat "$pid" && [ "$start" = "$was" ] && [ "$state" != Z ] && [ "$state" != X ]; then
      echo "twin $me of $pid" >> trace
    fi
  done < marks/$DARN_TASK
fi
stat $$
echo "$$ $start" >> marks/$DARN_TASK
read -r now _ < /proc/uptime
echo "begin $me $now" >> trace
case $1 in
  short) ;;
  tree) # grandchildren, one of them in a session of its own, which the task does not wait for
    setsid sh -c './beat.sh & exec ./beat.sh' &
    ./beat.sh &
    sleep 0.15 ;;
  *) sleep "$1" ;;
esac
read -r now _ < /proc/uptime
echo "end $me $now" >> trace
"""

BEAT = r"""#!/bin/sh
while [ -e marks ]; do
  echo "beat $DARN_TASK $DARN_ATTEMPT_NUMBER $$ -" >> trace
  sleep 0.03
done
"""


class Plan:
    """The tasks of one run: a ragged DAG of short, long and many-headed tasks."""

    def __init__(self, pick, number, once):
        self.name = f"r{number}"
        self.after, self.once, rows = {}, set(), []
        ids = []
        for i in range(pick.randint(40, 90)):
            task = f"{self.name}-{i}"
            kind = pick.choice(["short"] * 6 + [f"0.{pick.randint(1, 15):02}"] * 3 + ["tree"])
            after = pick.sample(ids[-12:], min(len(ids), pick.choice([0, 0, 1, 1, 2])))
            # What may be abandoned has nothing behind it: what is skipped would prove nothing.
            single = once and pick.random() < 0.2
            rows.append([task, f"./task.sh {kind}", ";".join(after), "false" if single else ""])
            self.after[task] = after
            if single:
                self.once.add(task)
            else:
                ids.append(task)
        self.rows = rows


class Torment:
    def __init__(self, darn, mode, pick):
        self.darn, self.mode, self.pick = darn, mode, pick
        self.kills = 0
        darn.user_config((darn.home / "config/darn/config.toml").read_text().replace(
            "[policy]\n", "[policy]\npoison_limit = 100000\n"))
        darn.write("task.sh", TASK, 0o755)
        darn.write("beat.sh", BEAT, 0o755)
        darn.path("marks").mkdir()
        begin = time.monotonic()
        darn("version", status=0)
        self.startup = time.monotonic() - begin

    def trace_size(self):
        path = self.darn.path("trace")
        return path.stat().st_size if path.exists() else 0

    def some_instant(self, live):
        """Either a random while after the start, or a few lines of the trace later."""
        if self.pick.random() < 0.5:
            time.sleep(self.pick.uniform(0, 0.1 + 2 * self.startup))
            return
        size = self.trace_size() + self.pick.randint(1, 600)
        end = time.monotonic() + 2
        while self.trace_size() < size and live.process.poll() is None and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(self.pick.uniform(0, 0.01))

    def kill(self, live):
        shims = []
        if self.mode == "shims":
            shims = [p for p in self.darn.alive() if "__shim" in command_line(p)]
        victims = [live.process.pid, *shims]
        if self.pick.random() < 0.3:
            victims.reverse()
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.mode == "all":
            while left := [p for p in self.darn.alive() if p != live.process.pid]:
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        live.wait()
        self.kills += 1

    def take_home(self, plan, most):
        """Runs a plan to its end, killed again and again on its way."""
        darn = self.darn
        darn.csv("id,command,after,idempotent", *plan.rows, name=f"{plan.name}.csv")
        run = ["run", f"{plan.name}.csv", "-j", JOBS, "--quiet"]
        before = len(darn.runs())
        live, planned = darn.start(*run), False
        while self.kills < most:
            self.some_instant(live)
            if live.process.poll() is not None:
                break
            self.kill(live)
            planned = planned or len(darn.runs()) > before
            live = darn.start(*(["resume", "last", "-j", JOBS, "--quiet"] if planned else run))
        done = live.wait()
        allowed = (0,) if self.mode == "alone" else (0, 1)
        assert done.status in allowed, repr(done)
        assert len(darn.runs()) == before + 1


def lines_of(darn):
    for number, line in enumerate(darn.lines("trace")):
        what, task, attempt, pid, *rest = line.split()
        yield number, what, task, int(attempt), pid, rest


def check_trace(darn, plans):
    """Never two at a time, dependents after what they depend on. Returns begins and ends."""
    begun, ended = collections.defaultdict(list), collections.defaultdict(list)
    at = {}
    for number, what, task, attempt, pid, rest in lines_of(darn):
        assert what != "twin", f"line {number}: {task} began beside its living twin {pid} {rest}"
        if what == "begin":
            assert attempt not in begun[task], f"line {number}: {task} began attempt {attempt} twice"
            begun[task].append(attempt)
            assert begun[task] == sorted(begun[task])
            for needed in next(p for p in plans if task in p.after).after[task]:
                assert ended[needed], f"line {number}: {task} began before {needed} had ended"
        else:  # an end, or a sign of life of its grandchildren
            assert attempt == begun[task][-1], \
                f"line {number}: {what} of attempt {attempt} of {task}, after {begun[task]} had begun"
        if what == "end":
            ended[task].append(attempt)
        at[task] = number
    return begun, ended


def attempts_of(darn, run):
    found = collections.defaultdict(dict)
    for event in darn("events", run, status=0).jsonl():
        if event["event"] == "attempt_ended":
            attempt = event["attempt"]
            found[event["task"]["id"]][attempt["number"]] = attempt["state"]
    return found


@pytest.mark.parametrize("mode", SHARES)
def test_kill_9_at_any_instant(darn, mode):
    print(f"DARN_CRASH_SEED={SEED}")
    torment = Torment(darn, mode, random.Random(f"{SEED} {mode}"))
    most = max(1, round(KILLS * SHARES[mode]))
    begin = time.monotonic()
    plans = []
    while torment.kills < most:
        plans.append(Plan(torment.pick, len(plans), once=True))
        torment.take_home(plans[-1], most)
    until("nobody is left", lambda: not darn.alive())
    seconds = time.monotonic() - begin

    begun, ended = check_trace(darn, plans)
    runs = list(reversed(darn.runs()))
    assert len(runs) == len(plans)
    lost = tasks = 0
    for run, plan in zip(runs, plans):
        states = darn.states(run["run"])
        attempts = attempts_of(darn, run["run"])
        assert set(states) == set(plan.after)
        for task in plan.after:
            tasks += 1
            state = attempts[task]
            lost += sum(s == "lost" for s in state.values())
            about = f"{task}: {states[task]}, attempts {state}, began {begun[task]}, ended {ended[task]}"
            # What was never started is known as such; what began is recorded as what became of it.
            assert all(state.get(n) in ("succeeded", "lost") for n in begun[task]), about
            assert all(n in begun[task] for n, s in state.items() if s == "succeeded"), about
            if states[task] == "succeeded":
                assert list(state.values()).count("succeeded") == 1, about
                assert state[begun[task][-1]] == "succeeded" and ended[task][-1] == begun[task][-1], about
            else:
                assert mode != "alone" and task in plan.once and states[task] == "abandoned", about
            if mode == "alone":
                assert len(begun[task]) == len(ended[task]) == 1 and "lost" not in state.values(), about
            if task in plan.once:
                assert len(begun[task]) <= 1, about
    print(f"[count] {torment.kills} kills of darn ({mode}): {tasks} tasks in {len(plans)} runs, "
          f"{lost} attempts lost, {seconds:.1f} s")
