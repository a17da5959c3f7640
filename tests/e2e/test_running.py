"""How tasks are started, watched and ended."""

import os

import pytest

from conftest import until


def one(darn, command, status=0, columns="", *cells):
    """Runs one task `a` and returns what is known of it."""
    darn.csv("id,command" + ("," + columns if columns else ""), ["a", command, *cells])
    darn.run("tasks.csv", status=status)
    return darn.tasks()["a"]


def test_no_shell_where_the_text_needs_none(darn):
    darn.env.pop("PWD", None)  # a shell would set it
    darn.csv("id,command", ["plain", "env"], ["quoted", "env -- 'A B=1' env"],
             ["shell", "env && true"])
    darn.run("tasks.csv")
    names = {task: {line.split("=")[0] for line in darn.log(task).splitlines()}
             for task in ("plain", "quoted", "shell")}
    assert "PWD" not in names["plain"] and "HOME" in names["plain"]
    assert "PWD" not in names["quoted"] and "A B" in names["quoted"]
    assert "PWD" in names["shell"]


def test_what_a_shell_is_needed_for(darn):
    darn.csv("id,command", ["pipe", "echo one two | wc -w > pipe.txt"],
             ["expand", 'X=3; echo $((X + 4)) > expand.txt'], ["glob", "ls *.csv > glob.txt"],
             ["builtin", "cd / && pwd > \"$OLDPWD/cd.txt\""])
    darn.run("tasks.csv")
    assert [darn.path(f).read_text().strip() for f in
            ("pipe.txt", "expand.txt", "glob.txt", "cd.txt")] == ["2", "7", "tasks.csv", "/"]


def test_environment_parameters_and_directory(darn):
    darn.path("sub").mkdir()
    darn.csv("id,command,cwd,env.GREETING,color",
             ["a", "printenv GREETING color", "", "hello you", "deep blue"],
             ["b", "pwd", "sub", "", ""])
    darn.run("tasks.csv")
    assert darn.log("a").splitlines() == ["hello you", "deep blue"]
    assert darn.log("b").strip() == str(darn.path("sub").resolve())


def test_crlf_bom_quotes_and_newlines(darn):
    darn.write("tasks.csv", b"\xef\xbb\xbfid,command,text\r\n"
               b"\"a\",\"printf '%s' \"\"$text\"\" > out\",\"one, \"\"two\"\"\nthree\"\r\n")
    darn.run("tasks.csv")
    assert darn.path("out").read_text() == 'one, "two"\nthree'


def test_standard_input_is_empty(darn):
    assert one(darn, "cat; readlink /proc/self/fd/0")["state"] == "succeeded"
    assert darn.log("a").strip() == "/dev/null"


def test_exit_status_and_signal_are_recorded(darn):
    darn.csv("id,command,retries", ["exit", "exit 7", 0], ["signal", "kill -TERM $$", 0],
             ["missing", "./no-such-program", 0], ["fine", "true", 0])
    darn.run("tasks.csv", status=1)
    tasks = darn.tasks()
    assert (tasks["exit"]["state"], tasks["exit"]["exit"], tasks["exit"]["signal"]) == \
        ("failed", 7, None)
    assert (tasks["signal"]["state"], tasks["signal"]["signal"]) == ("failed", 15)
    assert tasks["missing"]["state"] == "failed"
    assert (tasks["fine"]["state"], tasks["fine"]["exit"]) == ("succeeded", 0)
    assert all(tasks[t]["signature"] for t in ("exit", "signal", "missing"))
    assert len({tasks[t]["signature"] for t in ("exit", "signal", "missing")}) == 3


def test_what_an_attempt_used_is_recorded(darn):
    one(darn, "python3 -c 'x = bytearray(60 << 20); sum(range(300000))'")
    outcome = darn.explain("a")["attempts"][0]["outcome"]
    assert outcome["max_rss_kib"] > 60 << 10
    assert outcome["user_ms"] + outcome["system_ms"] > 0


def test_timeout_ends_the_whole_tree(darn):
    darn.script("tree.sh", "sleep 1000 &\n(sleep 1001 & setsid -f sleep 1002)\necho up\nwait\n")
    task = one(darn, "./tree.sh", 1, "timeout,retries", "300ms", 0)
    assert (task["state"], task["category"]) == ("failed", "timeout")
    assert "up" in darn.log("a")


def test_a_task_that_ignores_term_is_killed_after_the_grace(darn):
    darn.config('[run]\ngrace = "200ms"\n')
    darn.script("deaf.sh", "trap '' TERM\necho up\nwhile :; do sleep 0.1; done\n")
    task = one(darn, "./deaf.sh", 1, "timeout,retries", "300ms", 0)
    assert (task["category"], task["signal"]) == ("timeout", 9)


def test_a_task_may_use_the_grace_to_tidy_up(darn):
    darn.config('[run]\ngrace = "20s"\n')
    darn.script("tidy.sh", "trap 'echo tidy > tidied; exit 1' TERM\n: > up\n"
                "while :; do sleep 0.05; done\n")
    task = one(darn, "./tidy.sh", 1, "timeout,retries", "1s", 0)
    assert task["category"] == "timeout"
    assert darn.lines("tidied") == ["tidy"]


def test_silence_is_a_timeout_too(darn):
    task = one(darn, "echo hello; sleep 1000", 1, "idle_timeout,retries", "300ms", 0)
    assert (task["state"], task["category"]) == ("failed", "timeout")
    assert darn.explain("a")["attempts"][0]["outcome"]["end"] == "idle_timed_out"


def test_deadline_over_all_attempts(darn):
    darn.write("tasks.yaml", "tasks:\n  - id: a\n    command: 'echo x >> tries; sleep 1000'\n"
               "    timeout: 200ms\n    deadline: 700ms\n    retries: 1000\n")
    darn.run("tasks.yaml", status=1)
    task = darn.tasks()["a"]
    assert task["state"] == "failed"
    assert 1 <= len(darn.lines("tries")) <= task["attempts"] < 20  # the last may have had no time


def test_timeouts_are_retried(darn):
    darn.script("slow-once.sh", "[ -e seen ] && exit 0\n: > seen\nexec sleep 1000\n")
    task = one(darn, "./slow-once.sh", 0, "timeout", "500ms")
    assert (task["state"], task["attempts"]) == ("succeeded", 2)
    assert darn.status()["counts"]["healed"] == 1


def test_a_lingering_grandchild_neither_hangs_nor_survives(darn):
    # It has cut all ties but the standard output.
    task = one(darn, "setsid -f sleep 1000; echo done")
    assert (task["state"], task["attempts"]) == ("succeeded", 1)
    assert "done" in darn.log("a")
    until("the grandchild is gone", lambda: not darn.alive(), 15)


def test_linger_leave(darn):
    darn.config('[run]\nlinger = "leave"\n')
    darn.script("daemon.sh", "setsid sh -c 'echo $$ > pid; exec sleep 1000' > /dev/null 2>&1 &\n"
                "while [ ! -s pid ]; do sleep 0.02; done\n")
    assert one(darn, "./daemon.sh")["state"] == "succeeded"
    pid = int(darn.lines("pid")[0])
    os.kill(pid, 0)  # it lives
    os.kill(pid, 9)


def test_output_is_bounded_head_and_tail_are_kept(darn):
    darn.config('[run]\noutput_limit = "64KiB"\n')
    assert one(darn, "seq 1 200000")["state"] == "succeeded"
    text = darn.log("a")
    assert text.startswith("1\n2\n3\n") and text.rstrip().endswith("199999\n200000")
    assert len(text) < 200 * 1024 and "dropped" in text


def test_both_streams_in_order(darn):
    one(darn, "echo one; echo two >&2; echo three")
    assert darn.log("a").splitlines() == ["one", "two", "three"]


def test_a_task_that_reopens_its_output_loses_nothing(darn):
    one(darn, "echo first; echo second > /dev/stdout; echo third")
    assert darn.log("a").splitlines() == ["first", "second", "third"]


def test_retries_of_a_task_and_of_a_run(darn):
    darn.csv("id,command,retries", ["two", "echo x >> two; exit 1", 2],
             ["none", "echo x >> none; exit 1", ""])
    darn.run("tasks.csv", "--retries", "0", status=1)
    assert len(darn.lines("none")) == 1
    assert len(darn.lines("two")) == 3
    assert darn.tasks()["two"]["attempts"] == 3


def test_permanent_failures_are_not_retried_in_place(darn):
    darn.csv("id,command",
             ["a", "echo x >> tries; echo 'invalid api key: 401 Unauthorized' >&2; exit 1"])
    darn.run("tasks.csv", status=1)
    task = darn.tasks()["a"]
    assert (task["category"], task["cause"]) == ("permanent", "authentication")
    assert len(darn.lines("tries")) == 1


def test_network_failures_are_retried_five_times(darn):
    darn.csv("id,command", ["a", "echo x >> tries; echo 'connect: Connection refused' >&2; exit 1"])
    darn.run("tasks.csv", status=1)
    assert darn.tasks()["a"]["category"] == "network"
    assert len(darn.lines("tries")) == 6


def test_rules_of_the_user_come_first(darn):
    darn.config('[[policy.rules]]\nname = "busy"\nexit = [77]\nthen = "retry"\nretries = 3\n'
                'backoff = ["10ms"]\n\n'
                '[[policy.rules]]\noutput_regex = "Connection refused"\n'
                'as_category = "permanent"\n')
    darn.csv("id,command", ["busy", "echo x >> busy; exit 77"],
             ["refused", "echo x >> refused; echo Connection refused >&2; exit 1"])
    darn.run("tasks.csv", status=1)
    assert (len(darn.lines("busy")), len(darn.lines("refused"))) == (4, 1)


def test_precedence_flag_environment_project_user_default(darn):
    darn.csv("id,command", ["t0", "echo x >> tries-$DARN_TASK; exit 1"])
    darn.user_config("[defaults]\nretries = 1\n[policy.unknown]\nbackoff = ['10ms']\n")
    darn.run("tasks.csv", status=1)
    assert len(darn.lines("tries-t0")) == 2
    darn.config("[defaults]\nretries = 2\n")
    darn.run("tasks.csv", status=1)
    assert len(darn.lines("tries-t0")) == 2 + 3
    darn.run("tasks.csv", "--retries", "0", status=1)
    assert len(darn.lines("tries-t0")) == 2 + 3 + 1
    darn.run("tasks.csv", status=1, env={"DARN_AUTO_RETRY": "1", "DARN_MAX_RETRIES": "1"})
    assert darn.status()["max_retries"] == 1
    assert darn.status()["cycle"] <= 2


@pytest.mark.parametrize("name", ["DARN_RUN", "DARN_TASK", "DARN_ATTEMPT"])
def test_a_task_knows_who_it_is(darn, name):
    one(darn, f"printenv {name}")
    run = darn.status()["run"]
    want = {"DARN_RUN": run, "DARN_TASK": "a", "DARN_ATTEMPT": f"{run}/a/1"}[name]
    assert darn.log("a").strip() == want
