"""Agents: templates, workspaces, sessions, keys, limits, money. Here they are shell scripts."""

import json
import os
import subprocess

import pytest

RESULT = """result() { # TEXT [IS_ERROR] [COST]
  printf '{"type":"result","is_error":%s,"result":"%s","session_id":"s-1","total_cost_usd":%s}\\n' \
    "${2:-false}" "$1" "${3:-0.25}"
}
"""

AGENT = """
[agents.{name}]
command = ["{program}", "{{options}}"]
resume = ["{program}", "--resume", "{{session}}", "{{options}}"]
stdin = "{{task}}"
options.max_turns = ["--turns", "{{max_turns}}"]
options.context_path = ["--with", "{{context_path}}"]
options.output_file = ["--output", "{{output_file}}"]
result = {{ lines = '/type == "result"', take = "last" }}
cost_usd = "/total_cost_usd"
session = "/session_id"
failed_when = ["/is_error == true"]
"""


def agent(darn, name, body, more=""):
    program = darn.script(f"{name}.sh", RESULT + body)
    with open(darn.path("darn.toml"), "a") as config:
        config.write(AGENT.format(name=name, program=program) + more)


SEVEN = "id,agent,task,max_turns,context_path,output_file,tags"


def workspace(darn, task):
    return darn.path(darn.tasks()[task]["workspace"])


def test_the_seven_columns_as_they_are(darn):
    darn.write("notes/style.md", "be brief\n")
    agent(darn, "mine", 'cat > prompt; echo "$@" > args; echo hello > "$6"; result done\n')
    darn.csv(SEVEN, ["1", "mine", "Say\nhello", 7, "notes", "out.md", "a,b"])
    darn.run("tasks.csv")
    task = darn.tasks()["1"]
    assert (task["state"], task["tags"], task["cost_usd"]) == ("succeeded", ["a", "b"], 0.25)
    (batch,) = darn.batches()
    place = batch / "results/agent-1/workspace"
    assert place.resolve() == workspace(darn, "1").resolve()
    assert (place / "prompt").read_text() == "Say\nhello"
    assert (place / "args").read_text().split()[:5] == ["--turns", "7", "--with", "notes",
                                                        "--output"]
    assert (place / "notes/style.md").read_text() == "be brief\n"
    assert (place / "out.md").read_text() == "hello\n"
    assert "done" in (batch / "agent-1.log").read_text()
    manifest = json.loads((batch / "manifest.json").read_text())
    (entry,) = manifest["agents"]
    assert (entry["id"], entry["agent"], entry["task"], entry["max_turns"], entry["output_file"],
            entry["tags"]) == ("1", "mine", "Say\nhello", 7, "out.md", ["a", "b"])


def test_options_vanish_with_their_cells(darn):
    agent(darn, "mine", 'echo "$# $*" > args; result done\n')
    darn.csv(SEVEN, ["a", "mine", "x", "", "", "", ""], ["b", "mine", "x", 3, "", "", ""])
    darn.run("tasks.csv")
    assert (workspace(darn, "a") / "args").read_text() == "0 \n"
    assert (workspace(darn, "b") / "args").read_text() == "2 --turns 3\n"


@pytest.mark.parametrize("prompt", ["-rf --help", "x" * 200_000 + " end", "$(touch pwned) `id`",
                                    "{task} {nope} }{", "täglich\t\"quoted\"\n"])
def test_any_prompt_arrives(darn, prompt):
    agent(darn, "mine", "cat > prompt; result done\n")
    darn.csv(SEVEN, ["a", "mine", prompt, "", "", "", ""])
    darn.run("tasks.csv")
    assert (workspace(darn, "a") / "prompt").read_text() == prompt
    assert not list(darn.dir.rglob("pwned"))


def test_a_session_is_resumed_in_the_same_place(darn):
    agent(darn, "mine", """echo "$@" >> args; pwd >> where
[ "$1" = --resume ] && { result resumed; exit 0; }
result 'read: Connection reset by peer' true; exit 1
""")
    darn.csv(SEVEN, ["a", "mine", "x", "", "", "", ""])
    darn.run("tasks.csv")
    place = workspace(darn, "a")
    assert (place / "args").read_text().splitlines() == ["", "--resume s-1"]
    assert len(set((place / "where").read_text().splitlines())) == 1
    assert darn.tasks()["a"]["cost_usd"] == 0.5


def test_a_fresh_workspace_for_each_attempt(darn):
    agent(darn, "mine", "[ ! -e been ] || exit 9; : > been\n[ \"$DARN_ATTEMPT_NUMBER\" = 2 ] && "
          "{ result done; exit 0; }\nresult 'Connection reset by peer' true; exit 1\n")
    darn.csv("id,agent,task,workspace", ["a", "mine", "x", "fresh"])
    darn.run("tasks.csv")
    assert darn.tasks()["a"]["attempts"] == 2


def test_an_agent_finds_what_came_before_in_inputs(darn):
    agent(darn, "mine", "cat inputs/one/* > got 2>/dev/null || cat inputs/one > got; result done\n")
    darn.csv("id,command,agent,task,after,output_file",
             ["one", "echo first > one.txt", "", "", "", "one.txt"],
             ["two", "", "mine", "x", "one", ""])
    darn.run("tasks.csv")
    assert (workspace(darn, "two") / "got").read_text() == "first\n"


def git(darn, *args):
    return subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *args],
                          cwd=darn.dir, env=darn.env, check=True, capture_output=True,
                          text=True).stdout


def test_a_git_worktree_on_a_branch_of_its_own(darn):
    darn.write("code.txt", "one\n")
    git(darn, "init", "-q", "-b", "main")
    git(darn, "add", "code.txt")
    git(darn, "commit", "-qm", "first")
    agent(darn, "mine", "echo two >> code.txt; result done\n")
    darn.csv("id,agent,task,base,output_file", ["a", "mine", "x", "main", "code.txt"])
    darn.run("tasks.csv")
    assert darn.path("code.txt").read_text() == "one\n", "the user's file was changed"
    place = workspace(darn, "a")
    assert (place / "code.txt").read_text() == "one\ntwo\n"
    run = darn.status()["run"]
    assert f"darn/{run}/a" in git(darn, "branch", "--list", "--all")
    diffs = [p.read_text() for p in darn.state.rglob("*.diff")]
    assert any("+two" in d for d in diffs), "what changed was not kept as a diff"


@pytest.mark.parametrize("writes", [False, True], ids=["idle", "writing"])
def test_an_output_that_the_worktree_brings_proves_nothing_until_it_changes(darn, writes):
    darn.write("out.md", "as committed\n")
    git(darn, "init", "-q", "-b", "main")
    git(darn, "add", "out.md")
    git(darn, "commit", "-qm", "first")
    agent(darn, "mine", ("echo new > out.md; " if writes else "") + "cat out.md; result done\n")
    darn.csv("id,agent,task,base,output_file,retries", ["a", "mine", "x", "main", "out.md", 0])
    darn.run("tasks.csv", status=0 if writes else 1)
    task = darn.tasks()["a"]
    assert (workspace(darn, "a") / "out.md").read_text() == ("new\n" if writes else
                                                             "as committed\n")
    if not writes:
        assert (task["state"], task["cause"]) == ("failed", "missing_output")
        assert "not changed" in task["summary"]


def test_what_an_agent_says_of_its_failure_counts(darn):
    agent(darn, "mine", "result 'I could not do it' true\n")  # with exit status 0
    darn.csv(SEVEN, ["a", "mine", "x", "", "", "", ""])
    darn.run("tasks.csv", "--retries", "0", status=1)
    assert darn.states() == {"a": "failed"}


def test_tokens_and_prices_give_the_cost(darn):
    agent(darn, "mine", "echo '{\"type\":\"usage\",\"in\":1000,\"out\":500}'\n", """
[agents.priced]
extends = "mine"
[agents.priced.tokens]
input = { lines = '/type == "usage"', at = "/in" }
output = { lines = '/type == "usage"', at = "/out" }
[agents.priced.price]
input = 2.0
output = 10.0
""")
    darn.csv("id,agent,task", ["a", "priced", "x"])
    darn.run("tasks.csv")
    assert darn.tasks()["a"]["cost_usd"] == pytest.approx(0.002 + 0.005)
    assert darn.tasks()["a"]["tokens"] == 1500


def test_a_race_keeps_the_first_that_passes(darn):
    agent(darn, "slow", "echo $$ > pid; result started false 0.5; sleep 1000\n")
    agent(darn, "quick", "echo won > out.txt; result done false 0.25\n")
    darn.write("tasks.yaml",
               "tasks:\n  - {id: a, race: [slow, quick], task: x, output_file: out.txt}\n")
    darn.run("tasks.yaml")
    task = darn.tasks()["a"]
    assert task["state"] == "succeeded"
    attempts = darn.explain("a")["attempts"]
    assert {(x["agent"], x["state"]) for x in attempts} == {("quick", "succeeded"),
                                                            ("slow", "cancelled")}
    assert (workspace(darn, "a") / "out.txt").read_text() == "won\n"


def test_a_racer_that_fails_or_does_not_pass_the_check_has_not_won(darn):
    agent(darn, "hasty", "echo wrong > out.txt; result done\n")
    agent(darn, "broken", "result 'no such model' true; exit 1\n")
    agent(darn, "careful",
          "while [ $(darn_attempts) -lt 2 ]; do sleep 0.02; done; echo right > out.txt; "
          "result done\n".replace("$(darn_attempts)", f"$(ls '{darn.dir}/failed' | wc -l)"))
    darn.path("failed").mkdir()
    for name in ("hasty", "broken"):
        script = darn.path(f"{name}.sh")
        script.write_text(script.read_text().replace(RESULT,
                                                     RESULT + f": > '{darn.dir}/failed/{name}'\n"))
    darn.write("tasks.yaml", "tasks:\n  - {id: a, race: [hasty, broken, careful], task: x, "
               "output_file: out.txt, check: 'grep -q right out.txt'}\n")
    darn.run("tasks.yaml")
    assert (workspace(darn, "a") / "out.txt").read_text() == "right\n"
    attempts = {x["agent"]: x["state"] for x in darn.explain("a")["attempts"]}
    assert attempts == {"hasty": "failed", "broken": "failed", "careful": "succeeded"}


def test_the_costs_of_both_racers_are_counted(darn):
    # The loser has said what it cost before the winner wins.
    agent(darn, "slow", f"result so-far false 0.5; : > '{darn.dir}/said'; sleep 1000\n")
    agent(darn, "quick",
          f"while [ ! -e '{darn.dir}/said' ]; do sleep 0.02; done; result done false 0.25\n")
    darn.write("tasks.yaml", "tasks:\n  - {id: a, race: [slow, quick], task: x}\n")
    darn.run("tasks.yaml")
    assert darn.tasks()["a"]["cost_usd"] == pytest.approx(0.75)
    assert darn.status()["cost_usd"] == pytest.approx(0.75)


def test_a_fallback_takes_over(darn):
    agent(darn, "first", "result '401 Unauthorized: invalid api key' true; exit 1\n",
          'fallback = "second"\n')
    agent(darn, "second", "result done\n")
    darn.csv("id,agent,task", ["a", "first", "x"])
    darn.run("tasks.csv")
    attempts = darn.explain("a")["attempts"]
    assert [(x["agent"], x["state"]) for x in attempts] == [("first", "failed"),
                                                            ("second", "succeeded")]


def test_keys_in_turn_and_never_on_disk(darn):
    agent(darn, "mine", """echo "$MODEL_KEY" | cut -c 1-5 >> used
case $MODEL_KEY in
  key-a*) echo 'HTTP 429 Too Many Requests, Retry-After: 600'; result limited true; exit 1 ;;
  key-b*) result done ;;
esac
exit $?
""", 'key_env = "MODEL_KEY"\nkeys = ["KEY_ONE", "KEY_TWO"]\npool_limit = 1\n')
    darn.csv("id,agent,task", *[[t, "mine", "x"] for t in ("a", "b", "c")])
    secrets = {"KEY_ONE": "key-a-s3cr3t-one", "KEY_TWO": "key-b-s3cr3t-two"}
    done = darn.run("tasks.csv", env=secrets)
    assert set(darn.states().values()) == {"succeeded"}
    used = [line for t in "abc" for line in (workspace(darn, t) / "used").read_text().split()]
    assert used.count("key-a") == 1, "the key that was told to rest for ten minutes was used again"
    assert used.count("key-b") == 3
    for p in darn.dir.parent.rglob("*"):
        assert not p.is_file() or b"s3cr3t" not in p.read_bytes(), f"a key is in {p}"
    assert "s3cr3t" not in done.out + done.err


def test_nothing_starts_beyond_the_budget(darn):
    agent(darn, "mine", f"echo x >> '{darn.dir}/ran'; result done false 1.0\n", "pool_limit = 1\n")
    darn.csv("id,agent,task", *[[f"t{i}", "mine", "x"] for i in range(5)])
    done = darn.run("tasks.csv", "--budget", "2.5usd", status=1)
    assert len(darn.lines("ran")) == 2
    assert darn.status()["cost_usd"] == 2.0
    assert "budget" in done.err


def test_a_budget_of_a_task_and_of_tokens(darn):
    agent(darn, "mine", f"echo x >> '{darn.dir}/ran'; "
          "echo '{\"type\":\"usage\",\"in\":600,\"out\":0}'; "
          "result 'Connection reset by peer' true 0; exit 1\n",
          "tokens.input = { lines = '/type == \"usage\"', at = \"/in\" }\n")
    darn.csv("id,agent,task,budget", ["a", "mine", "x", "1000 tokens"])
    darn.run("tasks.csv", status=1)
    # The second took more than was left: that is settled, and nothing starts after it.
    assert len(darn.lines("ran")) == 2
    assert darn.tasks()["a"]["tokens"] == 1200


def test_overshoot_is_settled_and_shown(darn):
    agent(darn, "mine", "result done false 5.0\n")
    darn.csv("id,agent,task", ["a", "mine", "x"])
    done = darn.run("tasks.csv", "--budget", "$1")
    assert darn.status()["cost_usd"] == 5.0
    assert "5.00" in done.err


def test_an_agent_pool_runs_four_at_a_time(darn):
    agent(darn, "mine", f"""cd '{darn.dir}'; mkdir -p here; : > here/$DARN_TASK
n=0; while [ ! -e met ] && [ $n -lt 400 ]; do
  [ $(ls here | wc -l) -lt 4 ] || : > met; sleep 0.05; n=$((n + 1)); done
ls here | wc -l >> seen; sleep 0.05; rm here/$DARN_TASK; result done
""")
    darn.csv("id,agent,task", *[[f"t{i}", "mine", "x"] for i in range(10)])
    darn.run("tasks.csv", "-j", "1")
    assert max(map(int, darn.lines("seen"))) == 4


def test_agents_are_listed_and_checked(darn):
    agent(darn, "mine", "echo 1.2.3\n")
    with open(darn.path("darn.toml"), "a") as config:
        config.write('\n[agents.absent]\ncommand = ["no-such-program-anywhere", "{task}"]\n')
    listed = {a["name"] for a in darn("agents", "--json", status=0).json()}
    assert {"claude", "codex", "gemini", "aider", "mine", "absent"} <= listed
    darn("agents", "check", "mine", status=0)
    bad = darn("agents", "check", "absent")
    assert bad.status != 0 and "no-such-program-anywhere" in bad.out + bad.err


CLAUDE = {
    "success": ({"type": "result", "subtype": "success", "is_error": False, "result": "ok",
                 "session_id": "5f0c", "total_cost_usd": 0.011, "permission_denials": []}, 0),
    "denied": ({"type": "result", "subtype": "success", "is_error": False, "result": "I may not",
                "session_id": "5f0c", "total_cost_usd": 0.011,
                "permission_denials": [{"tool_name": "Write"}]}, 0),
    "max_turns": ({"type": "result", "subtype": "error_max_turns", "is_error": True,
                   "session_id": "5f0c", "total_cost_usd": 0.02, "permission_denials": []}, 1),
    "key": ({"type": "result", "subtype": "success", "is_error": True, "api_error_status": 401,
             "result": "Invalid API key", "session_id": "5f0c", "total_cost_usd": 0}, 1),
}


@pytest.mark.parametrize("case,state,cause",
                         [("success", "succeeded", None), ("denied", "failed", ...),
                                              ("max_turns", "failed", "task_limit"),
                                              ("key", "failed", "authentication")])
def test_the_claude_preset_reads_what_the_real_one_prints(darn, case, state, cause):
    line, status = CLAUDE[case]
    darn.write("line.json", json.dumps(line))
    darn.write("bin/claude",
               f"#!/bin/sh\ncat > /dev/null\ncat '{darn.dir}/line.json'; echo\nexit {status}\n",
               0o755)
    darn.csv(SEVEN, ["a", "claude", "x", 3, "", "", ""])
    darn.run("tasks.csv", "--retries", "0", status=0 if state == "succeeded" else 1,
             env={"PATH": f"{darn.dir}/bin:{os.environ['PATH']}"})
    task = darn.tasks()["a"]
    assert task["state"] == state
    assert task["cost_usd"] == line["total_cost_usd"]
    if cause is not ...:
        assert task["cause"] == cause


@pytest.mark.parametrize("command,prompt,words", [
    ('["/bin/echo", "{task}"]', "x" * 200_000, ["stdin", "128"]),
    ('["/bin/echo", "{task}"]', "-rf /", ["'-'"]),
    ('["no-such-program-anywhere"]', "x", ["No such file or directory"])])
def test_what_cannot_be_started_says_why(darn, command, prompt, words):
    darn.config(f"[agents.mine]\ncommand = {command}\n")
    darn.csv("id,agent,task", ["a", "mine", prompt])
    darn.run("tasks.csv", status=1)
    task = darn.tasks()["a"]
    assert (task["state"], task["category"]) == ("failed", "permanent")
    for word in words:
        assert word in task["summary"], task


def test_a_context_that_is_not_there_says_so(darn):
    agent(darn, "mine", "result done\n")
    darn.csv(SEVEN, ["a", "mine", "x", "", "nowhere.md", "", ""])
    done = darn("run", "tasks.csv")
    assert done.status in (1, 65) and "nowhere.md" in done.err, repr(done)
