"""darn exec: what fails is tried again; breakers, budgets and statistics are shared by all processes."""

import json
import signal
import sqlite3
import stat
import subprocess
import time

import pytest

from conftest import PROGRAM, until
from exec_help import QUICKLY, ex, flaky, last_json, stats  # noqa: F401


# Recovery.


def test_healed_on_the_third_try(flaky):
    done = ex(flaky, *QUICKLY, "--json", "--", "./flaky", "n", "3", status=0)
    lines = done.err.splitlines()
    assert lines[1].startswith("darn: attempt 1 failed: network (exit 7, ") and \
        "Connection refused); retry 1 of 5 in " in lines[1]
    assert lines[4].startswith("darn: healed: attempt 3 succeeded after 2 network failures")
    what = json.loads(lines[5])
    assert (what["outcome"], what["attempts"], what["healed"], what["status"]) == \
        ("healed", 3, True, 0)
    assert [a["category"] for a in what["history"]] == ["network", "network", "none"]
    one = stats(flaky)["flaky"]
    assert one["healed_by_retries"] == {"2": 1} and one["first_failure_rate"] == 1
    assert one["failure_rate"] == 0 and one["saved_minutes"] == 5


def test_quiet_says_nothing(flaky):
    done = ex(flaky, *QUICKLY, "--quiet", "--", "./flaky", "n", "2", status=0)
    assert done.err == "connect: Connection refused\n"


def test_fail_on_healed(flaky):
    ex(flaky, *QUICKLY, "--fail-on-healed", "--", "./flaky", "n", "1", status=0)
    done = ex(flaky, *QUICKLY, "--fail-on-healed", "--json", "--", "./flaky", "m", "2", status=1)
    assert last_json(done)["outcome"] == "healed" and last_json(done)["status"] == 1


def attempts_of(darn, *args, **more):
    return last_json(ex(darn, *QUICKLY, "--json", *args, **more))["attempts"]


@pytest.mark.parametrize("said, attempts", [
    ("echo 'Connection refused' >&2; exit 1", 6), ("exit 1", 2),
    ("echo 'fatal error: x.h: No such file or directory' >&2; exit 2", 1), ("exit 127", 1),
    ("echo 'Cannot allocate memory' >&2; exit 1", 2)])
def test_how_often_by_category(darn, said, attempts):
    assert attempts_of(darn, "--", "sh", "-c", said) == attempts


def test_retry_on(darn):
    assert attempts_of(darn, "--retries", "2", "--retry-on", "permanent", "--", "sh", "-c",
                       "exit 127") == 3
    assert attempts_of(darn, "--retries", "2", "--retry-on", "network", "--retry-on", "3", "--", "sh",
                       "-c", "exit 3") == 3
    assert attempts_of(darn, "--retry-on", "4", "--", "sh", "-c", "exit 3") == 1
    assert attempts_of(darn, "--retries", "1", "--retry-on", "/f[lo]+ky/", "--", "sh", "-c",
                       "echo flooky; exit 3") == 2, "standard output counts, too"
    assert attempts_of(darn, "--retry-on", "/x/", "--", "sh", "-c", "echo y >&2; exit 3") == 1


def test_without_capture_the_exit_status_is_all(darn):
    said = "echo 'Connection refused' >&2; exit 1"
    assert attempts_of(darn, "--capture", "never", "--", "sh", "-c", said) == 2
    assert attempts_of(darn, "--capture", "never", "--", "sh", "-c", "exit 75") == 6


def test_retry_after_is_a_floor(darn):
    began = time.monotonic()
    attempts_of(darn, "--retries", "1", "--", "sh", "-c",
                "echo 'HTTP/1.1 429 Too Many Requests'>&2; echo 'Retry-After: 1' >&2; exit 22")
    assert time.monotonic() - began >= 1


def test_a_timeout_ends_the_whole_tree(darn):
    code = "setsid sh -c 'trap \"\" HUP; echo > up; sleep 60' & sleep 61"
    began = time.monotonic()
    done = ex(darn, "--timeout", "300ms", "--retries", "0", "--json", "--", "sh", "-c", code, status=124)
    assert last_json(done)["category"] == "timeout" and time.monotonic() - began < 4
    assert darn.path("up").exists() and not darn.alive()


def test_what_heeds_no_term_is_killed(darn):
    began = time.monotonic()
    ex(darn, "--timeout", "200ms", "--retries", "0", "--", "sh", "-c",
       "trap '' TERM; while :; do sleep 1; done", status=124)
    assert 5 <= time.monotonic() - began < 15 and not darn.alive()


def test_nothing_runs_beside_what_a_failed_attempt_left(darn):
    darn.script("leaves", "[ -e left ] && kill -0 $(cat left) && echo beside >> trouble\n"
                          "sleep 60 > /dev/null 2>&1 &\necho $! > left; exit 75\n")
    ex(darn, *QUICKLY, "--retries", "2", "--", "./leaves", status=75)
    assert not darn.path("trouble").exists()
    darn.kill_all()  # what the last one left goes on, as it would without darn


def test_the_deadline(darn):
    began = time.monotonic()
    done = ex(darn, "--deadline", "2s", "--backoff", "30s", "--", "sh", "-c", "exit 75", status=75)
    assert time.monotonic() - began < 2 and "deadline" in done.err
    ex(darn, "--deadline", "300ms", "--", "sleep", "60", status=124)
    assert time.monotonic() - began < 10 and not darn.alive()


def test_the_fallback(darn):
    done = ex(darn, *QUICKLY, "--retries", "1", "--fallback", "cat; echo plan b", "--json", "--", "sh",
              "-c", "cat > /dev/null; exit 75", input=b"in\n", status=0)
    assert done.out == "in\nplan b\n", "it gets the input from its beginning"
    assert "fallback" in done.err and last_json(done)["outcome"] == "fallback"
    assert ex(darn, "--retries", "0", "--fallback", "exit 3", "--", "sh", "-c", "exit 4").status == 4
    assert stats(darn)["sh"]["outcomes"] == {"fallback": 1, "failed": 1}
    ex(darn, "--retries", "0", "--fallback", "true", "--", "sh", "-c", "kill -SEGV $$", status=0)


# What processes share.

DOWN = ("--", "sh", "-c", "exit 75")
BREAKER = ("--breaker", "mirror", "--breaker-after", "2", "--retries", "0")


def breakers(darn):
    return {b["name"]: b for b in ex(darn, "--breakers", "--json", status=0).json()}


def test_a_breaker_of_one_name_from_two_processes(darn):
    ex(darn, *BREAKER, *DOWN, status=75)
    assert breakers(darn)["mirror"]["state"] == "closed"
    ex(darn, *BREAKER, *DOWN, status=75)
    assert breakers(darn)["mirror"]["state"] == "open"
    done = ex(darn, *BREAKER, "--json", "--", "touch", "started", status=75)
    assert not darn.path("started").exists() and last_json(done)["rejected"]
    for part in ("open until ", "darn exec --breakers", "darn exec --reset mirror"):
        assert part in done.err
    assert "mirror" in ex(darn, "--breakers", status=0).out
    done = ex(darn, *BREAKER, "--fallback", "echo other mirror", "--", "touch", "started", status=0)
    assert done.out == "other mirror\n" and not darn.path("started").exists()
    ex(darn, "--breaker", "another", "--", "true", status=0)
    ex(darn, "--reset", "mirror", status=0)
    ex(darn, *BREAKER, "--", "touch", "started", status=0)
    assert darn.path("started").exists()
    ex(darn, "--reset", "nosuch", status=64)


def test_a_breaker_stops_the_retries(darn):
    done = ex(darn, *QUICKLY, "--breaker", "b", "--breaker-after", "3", "--json", *DOWN, status=75)
    assert last_json(done)["attempts"] == 3 and not last_json(done)["rejected"]
    assert "no more retries: breaker 'b' is open" in done.err


def test_failures_of_its_own_do_not_open_it(darn):
    for _ in range(3):
        ex(darn, *BREAKER, "--", "sh", "-c", "exit 127", status=127)
    assert breakers(darn)["mirror"]["state"] == "closed"


def test_many_at_once_count_each(darn):
    lives = [darn.start("exec", "--breaker", "b", "--breaker-after", "10", "--budget", "g", "--retries",
                        "0", "--", "sh", "-c", "exit $(( %d * 75 ))" % (i % 3 == 0)) for i in range(9)]
    for live in lives:
        live.wait()
    assert breakers(darn)["b"]["attempts"] == 9
    assert stats(darn)["sh"]["uses"] == 9


def test_a_killed_prober_does_not_wedge_it(darn):
    quick = (*BREAKER, "--breaker-open-for", "200ms")
    for _ in range(2):
        ex(darn, *quick, *DOWN, status=75)
    until("its time is over", lambda: breakers(darn)["mirror"]["state"] == "half-open")
    live = darn.start("exec", *quick, "--timeout", "60s", "--", "sh", "-c", "echo > up; exec sleep 60")
    until("the probe runs", lambda: darn.path("up").exists())
    flags = (*quick, "--timeout", "100ms")  # its lease: 6.1 s
    ex(darn, *flags, "--", "true", status=75)
    live.signal(signal.SIGKILL)
    live.wait()
    until("another may probe", lambda: ex(darn, *flags, "--", "true").status == 0, 20)
    assert breakers(darn)["mirror"]["state"] == "closed"


def test_a_budget_is_shared(darn):
    def tries():
        return last_json(ex(darn, *QUICKLY, "--json", "--budget", "b", *DOWN, status=75))["attempts"]
    assert [tries(), tries(), tries()] == [6, 6, 1], "ten retries, and no more"
    for _ in range(10):
        ex(darn, "--budget", "b", "--", "true", status=0)
    assert tries() == 2, "ten successes give one back"


def test_where_it_is_kept_and_what(flaky):
    secret = "hunter2-secret"
    ex(flaky, *QUICKLY, "--fallback", f"echo {secret}", "--", "sh", "-c",
       f"echo {secret} Connection refused >&2; exit 1", status=0)
    folder = flaky.home / "state/darn"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert secret.encode() not in file.read_bytes()
    assert stats(flaky)["sh"]["uses"] == 1


@pytest.mark.parametrize("how", ["a file in the way", "damaged", "newer", "busy"])
def test_a_store_that_cannot_be_used_keeps_nothing_from_running(flaky, how):
    state = flaky.home / "state"
    state.mkdir()
    holder = None
    if how == "a file in the way":
        (state / "darn").write_text("")
    else:
        ex(flaky, "--", "true", status=0)
        database = state / "darn/exec.db"
        if how == "damaged":
            for name in ("exec.db-wal", "exec.db-shm"):
                (state / "darn" / name).unlink(missing_ok=True)
            database.write_bytes(b"no database at all" * 500)
        elif how == "newer":
            with sqlite3.connect(database) as db:
                db.execute("PRAGMA user_version = 99")
        else:
            holder = sqlite3.connect(database, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
    done = ex(flaky, *QUICKLY, "--breaker", "b", "--budget", "b", "--", "./flaky", "n", "3", status=0)
    warnings = [l for l in done.err.splitlines() if "without statistics" in l]
    assert len(warnings) == 1 and "healed" in done.err
    assert flaky.lines("n") == ["x"] * 3
    if holder:
        holder.close()


def test_old_uses_go(darn):
    ex(darn, "--", "true", status=0)
    database = darn.home / "state/darn/exec.db"
    with sqlite3.connect(database) as db:
        row = db.execute("SELECT * FROM uses").fetchone()
        now = row[3]
        fill = "INSERT INTO uses VALUES (" + ",".join("?" * len(row)) + ")"
        db.executemany(fill, [(100 + i, *row[1:3], now - 91 * 86_400_000, *row[4:]) for i in range(50)])
        db.executemany(fill, [(1000 + i, *row[1:3], now, *row[4:]) for i in range(10_100)])
        db.executemany(fill, [(20_000 + i, "other", *row[2:]) for i in range(200)])
        db.execute("DELETE FROM uses WHERE id = 1")
    for _ in range(64):
        ex(darn, "--", "true", status=0)
    found = stats(darn)
    assert 10_000 <= found["true"]["uses"] <= 10_063 and found["other"]["uses"] == 200


# Being seen.


def test_the_step_summary(flaky):
    summary = flaky.path("summary.md")
    env = {"GITHUB_STEP_SUMMARY": str(summary)}
    ex(flaky, "--", "true", env=env, status=0)
    assert not summary.exists(), "what went well needs no line"
    ex(flaky, *QUICKLY, "--name", "fetch `all`", "--", "./flaky", "n", "3", env=env, status=0)
    ex(flaky, "--retries", "0", *DOWN, env=env, status=75)
    healed, failed = flaky.lines("summary.md")
    assert healed.startswith("- darn: `fetch all` healed at attempt 3 (last failure: network; ")
    assert failed.startswith("- darn: `sh` failed after 1 attempt (last failure: transient; ")
    ex(flaky, "--retries", "0", *DOWN, env={"GITHUB_STEP_SUMMARY": "/nonexistent/x"}, status=75)


def test_stats_as_a_table(flaky):
    assert "no uses" in ex(flaky, "--stats", status=0).err
    ex(flaky, *QUICKLY, "--name", "flaky one", "--", "./flaky", "n", "3", status=0)
    for _ in range(3):
        ex(flaky, "--name", "flaky one", "--", "true", status=0)
    ex(flaky, "--retries", "0", *DOWN, status=75)
    out = ex(flaky, "--stats", "--minutes", "7", status=0).out
    rows = {line[:9].strip(): line[9:].split() for line in out.splitlines()[1:4]}
    assert rows["flaky one"][:4] == ["4", "25.0%", "1", "2.0"] and rows["flaky one"][-1] == "7m00s"
    assert rows["sh"][:3] == ["1", "100.0%", "0"] and "all" in rows
    assert "healed x 7 min" in out and "an assumption" in out
    assert list(stats(flaky, "sh")) == ["sh"]


@pytest.mark.parametrize("args, said", [
    ((), "no command"), (("true",), "behind '--'"), (("--",), "no command"),
    (("--retries", "-1", "--", "touch", "started"), "--retries"),
    (("--backoff", "5s,x", "--", "touch", "started"), "--backoff"),
    (("--retry-on", "netwerk", "--", "touch", "started"), "--retry-on"),
    (("--retry-on", "/(/", "--", "touch", "started"), "missing )"),
    (("--retry-on", "256", "--", "touch", "started"), "--retry-on"),
    (("--breaker-after", "0", "--", "touch", "started"), "--breaker-after"),
    (("--name", "a\tb", "--", "touch", "started"), "--name"),
    (("--stats", "--", "touch", "started"), "only one"),
    (("--nosuch", "--", "touch", "started"), "--nosuch")])
def test_wrong_usage_starts_nothing(darn, args, said):
    done = ex(darn, *args, status=64)
    assert len(done.err.splitlines()) == 1 and said in done.err
    assert not darn.path("started").exists()


def test_a_closed_standard_error(darn):
    done = subprocess.run(["sh", "-c", f'"{PROGRAM}" exec --backoff 10ms -- sh -c "exit 75" 2>&-; echo $?'],
                          env=darn.env, cwd=darn.dir, capture_output=True, text=True)
    assert done.stdout == "75\n"
