"""Batch-level retries: cycles, what each leaves behind, and retry files."""

import csv
import json
import re

# Fails until it has been called $1 times, with a failure that darn knows nothing about.
AFTER = ('n=$(cat n.$DARN_TASK 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n.$DARN_TASK; '
         'echo x >> ran.$DARN_TASK; [ $n -ge %d ]')


def rows_of(path):
    with open(path, newline="") as f:
        return list(csv.reader(f))


def test_auto_retry_takes_the_batch_home(darn):
    darn.csv("id,command,retries", ["first", AFTER % 1, 0], ["second", AFTER % 2, 0],
             ["third", AFTER % 3, 0])
    darn.run("tasks.csv", "--auto-retry")
    tasks = darn.tasks()
    assert {i: t["state"] for i, t in tasks.items()} == dict.fromkeys(
        ["first", "second", "third"], "succeeded")
    assert {i: t["cycle"] for i, t in tasks.items()} == {"first": 1, "second": 2, "third": 3}
    assert [len(darn.lines(f"ran.{t}")) for t in ("first", "second", "third")] == [1, 2, 3]
    assert darn.status()["counts"]["healed"] == 2


def test_without_auto_retry_there_is_one_cycle(darn):
    darn.csv("id,command,retries", ["a", AFTER % 2, 0])
    darn.run("tasks.csv", status=1)
    assert darn.status()["cycle"] == 1
    assert len(darn.lines("ran.a")) == 1


def test_max_retries(darn):
    # Another failure each time, so that it is not the same one again and again.
    words = "alpha beta gamma delta epsilon zeta eta theta".split()
    darn.write("words", "\n".join(words) + "\n")
    darn.csv("id,command,retries",
             ["a", "echo x >> ran; echo \"no such thing: $(sed -n $(wc -l < ran)p words)\"; exit 1",
              0])
    darn.run("tasks.csv", "--auto-retry", "--max-retries", "2", status=1)
    assert len(darn.lines("ran")) == 3
    status = darn.status()
    assert (status["cycle"], status["max_retries"], status["state"]) == (3, 2, "failed")


def test_the_same_failure_three_times_is_enough(darn):
    darn.csv("id,command,retries", ["a", "echo x >> ran; echo 'the same as ever'; exit 1", 0])
    darn.run("tasks.csv", "--auto-retry", "--max-retries", "20", status=1)
    assert len(darn.lines("ran")) == 3


def test_what_each_cycle_leaves(darn):
    darn.csv("id,command,retries", ["good", "true", 0], ["bad", AFTER % 3, 0])
    darn.run("tasks.csv", "--auto-retry", "--max-retries", "4")
    batches = darn.batches()
    assert len(batches) == 3
    assert all(re.fullmatch(r"batch-\d{8}-\d{6}(-\d+)?", b.name) for b in batches)
    manifests = sorted((json.loads((b / "manifest.json").read_text()) for b in batches),
                       key=lambda m: m["retry_metadata"]["retry_count"])
    names = [m["batch"] for m in manifests]
    first, second, third = (m["retry_metadata"] for m in manifests)
    assert first == {"is_retry": False, "original_batch": None, "retry_count": 0,
                     "parent_batch": None, "auto_retry_enabled": True, "max_retries": 4}
    assert second == {"is_retry": True, "original_batch": names[0], "retry_count": 1,
                      "parent_batch": names[0], "auto_retry_enabled": True, "max_retries": 4}
    assert third == {"is_retry": True, "original_batch": names[0], "retry_count": 2,
                     "parent_batch": names[1], "auto_retry_enabled": True, "max_retries": 4}
    assert [{a["id"] for a in m["agents"]} for m in manifests] == [{"good", "bad"}, {"bad"},
                                                                   {"bad"}]


def test_retry_files_hold_exactly_what_failed(darn):
    darn.csv("id,command,shade,retries,tags",
             ["good", "true", "red", 0, "x"],
             ["bad", AFTER % 3, 'dark, "blue"\nor so', 0, "y;z"],
             ["worse", "exit 1", "", 0, ""])
    darn.run("tasks.csv", "--auto-retry", "--max-retries", "2", status=1)
    files = sorted((darn.state / "batches").glob("auto-retry-*.csv"))
    assert all(re.fullmatch(r"auto-retry-\d{8}-\d{6}(-\d+)?-\d{8}-\d{6}(-\d+)?\.csv", f.name)
               for f in files)
    by_tag = {}
    for f in files:
        header, *rows = rows_of(f)
        assert header == ["id", "command", "shade", "retries", "tags"]
        numbers = {re.search(r"RETRY-(\d+)$", row[4]).group(1) for row in rows}
        assert len(numbers) == 1, rows
        by_tag.setdefault(numbers.pop(), []).append(rows)
    bad = ["bad", AFTER % 3, 'dark, "blue"\nor so', "0"]
    assert by_tag["1"] == [[bad + ["y;z;RETRY-1"], ["worse", "exit 1", "", "0", "RETRY-1"]]]
    assert by_tag["2"] == [[bad + ["y;z;RETRY-2"], ["worse", "exit 1", "", "0", "RETRY-2"]]]


def test_a_retry_file_by_hand_runs_as_a_child(darn):
    darn.csv("id,command,after,retries,tags", ["good", "echo fine; echo x >> good", "", 0, ""],
             ["bad", AFTER % 2, "", 0, "t"],
             ["next", 'cat "$DARN_OUTPUT_good" > got', "bad;good", 0, ""])
    darn.run("tasks.csv", status=1)
    parent = darn.status()["run"]
    written = darn("retry", "last", status=0).out.strip().splitlines()[-1]
    path = darn.path(written)
    assert re.fullmatch(r"auto-retry-\d{8}-\d{6}(-\d+)?-\d{8}-\d{6}(-\d+)?\.csv", path.name)
    assert rows_of(path)[0] == ["id", "command", "after", "retries", "tags"]
    assert [(r[0], r[4]) for r in rows_of(path)[1:]] == [("bad", "t;RETRY-1"), ("next", "RETRY-1")]
    darn.run(written)
    child = darn.status()
    assert (child["parent"], child["root"]) == (parent, parent)
    assert {t["id"]: t["state"] for t in child["tasks"]} == {"bad": "succeeded",
                                                             "next": "succeeded"}
    assert len(darn.lines("good")) == 1 and darn.lines("got") == ["fine"]


def test_retry_launch(darn):
    darn.csv("id,command,retries", ["good", "echo x >> good", 0], ["bad", AFTER % 2, 0])
    darn.run("tasks.csv", status=1)
    parent = darn.status()["run"]
    darn("retry", parent, "--launch", status=0)
    status = darn.status()
    assert status["run"] != parent and status["parent"] == parent
    assert darn.states() == {"bad": "succeeded"}
    assert len(darn.lines("good")) == 1
    metadata = [json.loads((b / "manifest.json").read_text()) for b in darn.batches()]
    counts = sorted(m["retry_metadata"]["retry_count"] for m in metadata)
    assert counts == [0, 1]


def test_nothing_to_retry(darn):
    darn.csv("id,command", ["a", "true"])
    darn.run("tasks.csv")
    done = darn("retry", "last", "--launch")
    assert done.status == 0, repr(done)
    assert len(darn.runs()) == 1


def test_a_batch_in_yaml_can_be_retried(darn):
    darn.write("tasks.yaml", f"""
tasks:
  - {{id: good, command: 'true'}}
  - id: bad
    command: {json.dumps(AFTER % 2)}
    retries: 0
    env.MOOD: calm
    shade: blue
""")
    darn.run("tasks.yaml", status=1)
    written = darn("retry", "last", status=0).out.strip().splitlines()[-1]
    header, row = rows_of(darn.path(written))
    cells = dict(zip(header, row))
    assert (cells["id"], cells["env.MOOD"], cells["shade"], cells["tags"]) == \
        ("bad", "calm", "blue", "RETRY-1")
    darn.run(written)


def test_a_retry_of_a_yaml_run_keeps_what_a_csv_cannot_say(darn):
    for name in ("one", "two"):
        darn.script(f"{name}.sh", f"cat > /dev/null; echo {name} >> $RACED; test -e {darn.dir}/go\n")
    darn.config("".join(f'[agents.{name}]\ncommand = ["{darn.dir}/{name}.sh"]\n'
                        f'stdin = "{{task}}"\n' for name in ("one", "two")))
    darn.write("tasks.yaml", f"""
defaults: {{retries: 0}}
tasks:
  - id: signs
    command: echo '{{"ok":false}}'
    failed_when: ['/ok == false']
  - id: scored
    command: echo '5 of 9 passed'
    score: {{regex: '(\\d+) of (\\d+) passed', pass_score: 0.9}}
  - id: late
    command: 'test -e go && sleep 60'
    deadline: 300ms
  - id: raced
    race: [one, two]
    task: try it
    env.RACED: {darn.dir}/raced
  - id: rescued
    agent: one
    fallback: two
    task: try it
    env.RACED: {darn.dir}/rescued
""")
    darn.run("tasks.yaml", status=1)
    assert set(darn.states().values()) == {"failed"}, darn.tasks()
    assert sorted(darn.lines("raced")) == ["one", "two"]
    for name in ("raced", "rescued"):
        darn.path(name).unlink()
    parent = darn.status()["run"]
    darn("retry", parent, "--launch", status=1)
    assert darn.status()["parent"] == parent
    assert sorted(darn.lines("raced")) == ["one", "two"]
    assert darn.lines("rescued") == ["one", "two"]
    tasks = darn.tasks()
    assert tasks["signs"]["state"] == "failed" and "failed_when" in tasks["signs"]["summary"]
    assert tasks["scored"]["score"] == 5 / 9 and tasks["scored"]["state"] == "failed"
    darn.write("go", "")
    darn("retry", "last", "--launch", status=1, timeout=30)
    tasks = darn.tasks()
    assert tasks["late"]["category"] == "timeout", tasks["late"]
    assert (tasks["raced"]["state"], tasks["rescued"]["state"]) == ("succeeded", "succeeded")


def test_what_has_succeeded_in_the_lineage_runs_again_only_when_forced(darn):
    darn.csv("id,command,retries", ["good", "echo x >> good", 0], ["bad", AFTER % 2, 0])
    darn.run("tasks.csv", status=1)
    parent = darn.status()["run"]
    darn.run("tasks.csv", "--parent", parent)
    assert len(darn.lines("good")) == 1 and darn.states() == {"good": "succeeded",
                                                              "bad": "succeeded"}
    darn.run("tasks.csv", "--parent", parent, "--force")
    assert len(darn.lines("good")) == 2


def test_tasks_without_an_agent_get_the_one_asked_for(darn):
    darn.script("agent.sh", "cat > prompt; echo '{}'\n")
    darn.config(f'[agents.mine]\ncommand = ["{darn.dir}/agent.sh"]\nstdin = "{{task}}"\n')
    darn.csv("id,task", ["a", "do this"])
    darn("run", "tasks.csv", status=65)
    darn.run("tasks.csv", "--agent", "mine")
    assert (darn.path(darn.tasks()["a"]["workspace"]) / "prompt").read_text() == "do this"


def test_what_was_cancelled_can_be_retried(darn):
    darn.csv("id,command,retries", ["a", "echo x >> a; exit 1", 0], ["b", "echo x >> b", 0])
    darn.run("tasks.csv", "-j", "1", "--fail-fast", status=1)
    assert darn.lines("b") == []
    header, *rows = rows_of(darn.path(darn("retry", status=0).out.strip()))
    assert [r[0] for r in rows] == ["a", "b"]
    darn("retry", "--launch", "-j", "1", status=1)
    assert len(darn.lines("a")) == 2 and len(darn.lines("b")) == 1
