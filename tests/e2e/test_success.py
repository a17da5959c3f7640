"""Success is what is proven: status 0, promised output, check, no failed_when, score."""

import pytest


def test_a_promised_file_that_is_missing_or_unchanged(darn):
    darn.write("old.txt", "from yesterday\n")
    darn.csv("id,command,output_file,retries",
             ["missing", "true", "new.txt", 0],
             ["unchanged", "cat old.txt", "old.txt", 0],
             ["made", "echo x > made.txt", "made.txt", 0],
             ["changed", "echo x >> log.txt", "log.txt", 0])
    darn.write("log.txt", "begin\n")
    darn.run("tasks.csv", status=1)
    tasks = darn.tasks()
    assert {i: t["state"] for i, t in tasks.items()} == {
        "missing": "failed", "unchanged": "failed", "made": "succeeded", "changed": "succeeded"}
    assert tasks["missing"]["cause"] == tasks["unchanged"]["cause"] == "missing_output"
    assert tasks["missing"]["exit"] == 0


def test_the_check_is_the_proof_and_its_output_the_evidence(darn):
    darn.csv("id,command,check,retries",
             ["good", "echo 1 > n", "test -e n", 0],
             ["bad", "echo fine", "echo 'expected 3, got 2'; exit 4", 0],
             ["unasked", "exit 1", "touch check-ran", 0])
    darn.run("tasks.csv", status=1)
    tasks = darn.tasks()
    assert tasks["good"]["state"] == "succeeded"
    assert (tasks["bad"]["state"], tasks["bad"]["cause"]) == ("failed", "check_failed")
    assert "expected 3, got 2" in darn.log("bad", "--stream", "check")
    assert not darn.path("check-ran").exists(), "the check ran after a failure"


def test_failed_when(darn):
    darn.write("tasks.yaml", """
tasks:
  - {id: lies, command: 'echo ''{"ok": false}''', failed_when: ['/ok == false'], retries: 0}
  - {id: true, command: 'echo ''{"ok": true}''', failed_when: ['/ok == false'], retries: 0}
""".replace("id: true", "id: honest"))
    darn.run("tasks.yaml", status=1)
    assert darn.states() == {"lies": "failed", "honest": "succeeded"}


@pytest.mark.parametrize("passed,state", [(7, "succeeded"), (6, "failed")])
def test_score(darn, passed, state):
    darn.write("tasks.yaml", f"""
tasks:
  - id: a
    command: 'true'
    check: echo "{passed} of 8 passed"
    score: {{regex: '(\\d+) of (\\d+) passed', pass_score: 0.8}}
    retries: 0
""")
    darn.run("tasks.yaml", status=0 if state == "succeeded" else 1)
    task = darn.tasks()["a"]
    assert (task["state"], task["score"]) == (state, passed / 8)


def test_score_by_pointer(darn):
    darn.write("tasks.yaml", """
tasks:
  - id: a
    command: 'true'
    check: 'echo noise; echo ''{"summary": {"score": 0.5}}'''
    score: {pointer: /summary/score, pass_score: 0.4}
""")
    darn.run("tasks.yaml")
    assert darn.tasks()["a"]["score"] == 0.5


FLAKY = ("n=$(cat n.$DARN_TASK 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n.$DARN_TASK; "
         "[ $n -ge 3 ] || { echo 'read: Connection reset by peer' >&2; exit 1; }")


def test_healed_is_counted_listed_and_never_hidden(darn):
    darn.csv("id,command", ["flaky-one", FLAKY], ["steady", "true"])
    done = darn.run("tasks.csv")
    status = darn.status()
    assert status["counts"]["succeeded"] == 2 and status["counts"]["healed"] == 1
    assert darn.tasks()["flaky-one"]["attempts"] == 3
    assert "healed" in done.err
    shown = darn("status", status=0)
    assert "healed" in shown.out and "flaky-one" in shown.out


def test_fail_on_healed(darn):
    darn.csv("id,command", ["flaky", FLAKY])
    darn.run("tasks.csv", "--fail-on-healed", status=1)
    assert darn.states() == {"flaky": "succeeded"}
    darn.run("tasks.csv", "--fail-on-healed", status=0)  # at the first try this time
