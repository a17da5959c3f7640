"""What is shared: cores, pools, and the limits of somebody else's server."""

import signal

import pytest

from conftest import until

# Notes how many are at it at once; nobody leaves before two have met (or somebody else has), so
# that a run that does one after the other does not pass for a parallel one.
COUNT = """\
mkdir -p here; : > here/$DARN_TASK
tries=0
while :; do
  n=$(ls here | wc -l)
  echo $n >> seen
  [ $n -lt 2 ] || : > met
  [ ! -e met ] || break
  tries=$((tries + 1)); [ $tries -lt 600 ] || exit 3
  sleep 0.05
done
sleep 0.1
ls here | wc -l >> seen
rm here/$DARN_TASK
"""


def most_at_once(darn):
    return max(int(n) for n in darn.lines("seen"))


def test_jobs(darn):
    darn.script("count.sh", COUNT)
    darn.csv("id,command", *[[f"t{i}", "./count.sh"] for i in range(8)])
    darn.run("tasks.csv", "-j", "2")
    assert most_at_once(darn) == 2


def test_a_pool_has_its_own_limit(darn):
    darn.script("count.sh", COUNT)
    darn.config("[pools.db]\nlimit = 2\n")
    darn.csv("id,command,pool", *[[f"t{i}", "./count.sh", "db"] for i in range(8)])
    darn.run("tasks.csv", "-j", "8")
    assert most_at_once(darn) == 2


def test_pools_do_not_wait_for_each_other(darn):
    # The one in pool `one` ends only when the one in pool `two` has been there.
    darn.config("[pools.one]\nlimit = 1\n[pools.two]\nlimit = 1\n")
    darn.csv("id,command,pool", ["a", "while [ ! -e b ]; do sleep 0.02; done", "one"],
             ["b", "touch b", "two"])
    darn.run("tasks.csv", "-j", "2")


def test_a_429_uses_up_no_attempt(darn):
    darn.script("limited.sh", "echo x >> tries\n[ $(wc -l < tries) -gt 4 ] && exit 0\n"
                "echo 'HTTP/1.1 429 Too Many Requests'\nexit 1\n")
    darn.csv("id,command,retries", ["a", "./limited.sh", 0])
    darn.run("tasks.csv")
    assert darn.states() == {"a": "succeeded"}
    assert len(darn.lines("tries")) == 5
    limited = darn.explain("a")["attempts"][0]
    assert limited["diagnosis"]["category"] == "rate_limit"
    assert limited["decision"]["action"] == "snooze"
    assert limited["decision"]["charge"] == "none"


def test_retry_after_is_a_floor_for_the_whole_pool(darn, api):
    api.answers = {"/a": [(429, {"Retry-After": "2"})]}
    darn.csv("id,command,pool", *[[t, f"python3 get.py {api.url}/{t}", "api"] for t in "abc"])
    darn.config("[pools.api]\nlimit = 1\n")
    darn.run("tasks.csv")
    (limited,) = [s for s in api.seen if s[2] == 429]
    later = [s for s in api.seen if s[1] > limited[1]]
    assert {path for path, *_ in later} == {"/a", "/b", "/c"}
    for path, arrived, *_ in later:
        # The server answered a little before it noted the time of the answer.
        assert arrived - limited[1] >= 2, f"{path} came {arrived - limited[1]:.3f} s after the 429"


def test_a_503_with_retry_after_too(darn, api):
    api.answers = {"/a": [(503, {"Retry-After": "1"})]}
    darn.csv("id,command", ["a", f"python3 get.py {api.url}/a"])
    darn.run("tasks.csv")
    first, second = api.seen
    assert (first[2], second[2]) == (503, 200)
    assert second[1] - first[1] >= 1


def test_a_parked_pool_is_shown_and_can_be_left(darn):
    darn.script("limited.sh",
                "echo 'HTTP/1.1 429 Too Many Requests'\necho 'Retry-After: 600'\nexit 1\n")
    darn.csv("id,command", ["a", "./limited.sh"])
    live = darn.start("run", "tasks.csv")
    until("the task is put off",
          lambda: (darn.state / "darn.db").exists() and darn.runs()
          and darn.status()["counts"]["delayed"] == 1)
    task = darn.tasks()["a"]
    assert task["state"] == "delayed" and task["category"] == "rate_limit"
    live.signal(signal.SIGINT)
    assert live.wait().status == -signal.SIGINT
    assert darn.status()["state"] == "interrupted"


def test_snoozes_are_bounded(darn):
    darn.config('[policy]\nmax_snoozes = 3\n')
    darn.csv("id,command", ["a", "echo x >> tries; echo 'HTTP/1.1 429 Too Many Requests'; exit 1"])
    darn.run("tasks.csv", status=1)
    assert len(darn.lines("tries")) == 4
    assert darn.states() == {"a": "failed"}


@pytest.mark.parametrize("text", ["You've hit your limit. It resets in 1 s.",
                                  "Quota exceeded, try again in 1s"])
def test_printed_reset_times(darn, text):
    darn.write("text", text + "\n")
    darn.script("quota.sh",
                "date +%s%N >> tries\n[ $(wc -l < tries) -gt 1 ] && exit 0\ncat text >&2\nexit 1\n")
    darn.csv("id,command,retries", ["a", "./quota.sh", 0])
    darn.run("tasks.csv")
    first, second = map(int, darn.lines("tries"))
    assert second - first >= 1_000_000_000
