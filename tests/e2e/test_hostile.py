"""Task files, ids and output that mean harm."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import ESCAPES

IDS = ["../../escaped", "a/b", "..", ".", "a b; touch pwned", "$(touch pwned)", "-rf", "x" * 300,
       "ä\u202eb",
       "new\nline", "tab\there", "%2e%2e%2f", "CON", "'quoted\"", "a\\b"]


@pytest.mark.parametrize("bad", IDS)
def test_ids_stay_inside(darn, bad):
    darn.script("agent.sh", "echo x > made; echo '{\"type\":\"result\",\"is_error\":false}'\n")
    darn.config(f'[agents.mine]\ncommand = ["{darn.dir}/agent.sh", "--id={{id}}"]\n')
    darn.csv("id,command,agent,task,output_file", [bad, "", "mine", "x", "made"],
             ["plain", "echo fine", "", "", ""])
    before = {p for p in darn.dir.parent.rglob("*") if darn.state not in p.parents}
    done = darn("run", "tasks.csv")
    assert done.status in (0, 65), repr(done)
    after = {p for p in darn.dir.parent.rglob("*") if darn.state not in p.parents}
    assert {p.name for p in after - before} <= {".darn"}, "something was written outside of .darn"
    assert not list(darn.dir.parent.rglob("pwned"))
    if done.status == 65:
        assert done.err.startswith("darn: tasks.csv:2:1: ") and darn.runs() == []
        assert len(done.err.splitlines()) == 1
        return
    assert darn.states() == {bad: "succeeded", "plain": "succeeded"}
    # Every command that takes an id takes this one.
    for command in ("log", "explain", "lineage"):
        shown = darn(command, "--", "last", bad, status=0)
        assert command == "log" or not ESCAPES.search(shown.out)
    ElementTree.fromstring(darn("export", "-f", "junit", status=0).out)


def test_parameters_are_never_shell_text(darn):
    evil = "$(touch pwned); touch pwned; `touch pwned` \"' && touch pwned\n| touch pwned"
    darn.csv("id,command,who,env.WHERE", ["a", 'printf "%s" "$who$WHERE" > out', evil, evil])
    darn.run("tasks.csv")
    assert darn.path("out").read_text() == evil * 2
    assert not darn.path("pwned").exists()


def test_parameters_in_a_template_are_one_word(darn):
    darn.script("agent.sh", 'echo "$#" > count; printf "%s" "$1" > word\n')
    darn.config(f'[agents.mine]\ncommand = ["{darn.dir}/agent.sh", "{{who}}"]\n')
    evil = 'a b "c" $(touch pwned) {task} {id}'
    darn.csv("id,agent,task,who", ["a", "mine", "secret", evil])
    darn.run("tasks.csv")
    place = darn.path(darn.tasks()["a"]["workspace"])
    assert (place / "count").read_text().strip() == "1"
    assert (place / "word").read_text() == evil


NASTY = (b"\x1b[2J\x1b]0;owned\x07plain\r\x08\x9b31m \xff\xfe \x00 "
         b"]]> <b>&amp; | `x` \xe2\x80\xae end\n")


def test_output_does_not_reach_the_terminal_as_it_is(darn):
    darn.write("nasty", NASTY * 3)
    darn.csv("id,command,retries", ["a", "cat nasty; exit 1", 0])
    for mode in ("plain", "tty"):
        done = darn("run", "tasks.csv", "--progress", mode, "--color", "never", status=1)
        text = done.err
        if mode == "tty":  # its own movements of the cursor
            text = text.replace("\x1b[K", "").replace("\x1b[2K", "").replace("\r", "")
        assert "owned" not in text or "\x1b]" not in text
        assert "\x1b[2J" not in text and "\x07" not in text and "\x9b" not in text
    for args in (["status"], ["explain", "last", "a"], ["lineage", "last", "a"],
                 ["export", "-f", "markdown"]):
        assert not ESCAPES.search(darn(*args, status=0).out), args
    json.loads(darn("status", "--json", status=0).out)
    json.loads(darn("explain", "last", "a", "--json", status=0).out)
    darn("events", status=0).jsonl()
    ElementTree.fromstring(darn("export", "-f", "junit", status=0).out)


def test_an_agent_that_lies_about_numbers(darn):
    lines = ['{"type":"result","total_cost_usd":1e400}', '{"type":"result","total_cost_usd":-5}',
             '{"type":"result","total_cost_usd":"free"}', '{"type":"result"' + "[" * 100000,
             '{"type":"result","session_id":{"a":1},"total_cost_usd":null}']
    darn.write("lines", "\n".join(lines) + "\n")
    darn.config(f"""[agents.mine]
command = ["cat", "{darn.dir}/lines"]
stdin = "{{task}}"
result = {{ lines = '/type == "result"', take = "last" }}
cost_usd = "/total_cost_usd"
session = "/session_id"
""")
    darn.csv("id,agent,task", ["a", "mine", "x"])
    darn.run("tasks.csv")
    assert darn.status()["cost_usd"] >= 0


def test_a_context_must_not_lead_outside(darn):
    darn.path("link").symlink_to("/etc")
    darn.csv("id,agent,task,context_path", ["a", "claude", "x", "link/passwd"])
    done = darn("run", "tasks.csv", "--retries", "0")
    assert done.status in (1, 65), repr(done)
    assert not list(darn.state.rglob("passwd"))


def test_an_output_that_is_a_link_out_of_the_workspace_goes_nowhere(darn):
    darn.write("secret", "s3cr3t\n")
    darn.script("agent.sh", f"ln -s '{darn.dir}/secret' made\n")
    darn.config(f'[agents.mine]\ncommand = ["{darn.dir}/agent.sh"]\nstdin = "{{task}}"\n')
    darn.csv("id,agent,task,after,output_file,retries", ["a", "mine", "x", "", "made", 0],
             ["b", "mine", "x", "a", "", 0])
    done = darn.run("tasks.csv", status=1)
    assert darn.states()["b"] in ("failed", "skipped")
    assert "made" in done.err, "it does not say what is wrong"
    assert not any(b"s3cr3t" in p.read_bytes() for p in darn.state.rglob("*")
                   if p.is_file() and not p.is_symlink())


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_never_crash(darn, seed):
    import random
    pick = random.Random(seed)
    text = bytearray(b'id,command,after,timeout,tags\na,"echo ""x""",,5s,"t,u"\n'
                     b'b,true,a,,\nc,true,a;b,1h,\n')
    for _ in range(pick.randint(1, 6)):
        at = pick.randrange(len(text))
        what = pick.choice(["flip", "drop", "double", "insert"])
        if what == "flip":
            text[at] = pick.randrange(256)
        elif what == "drop":
            del text[at:at + pick.randint(1, 8)]
        elif what == "double":
            text[at:at] = text[at:at + 20]
        else:
            text[at:at] = pick.choice([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"''", b"{}"])
    darn.write("tasks.csv", bytes(text))
    done = darn("run", "--dry-run", "tasks.csv")
    assert done.status in (0, 65), repr(done)
    if done.status == 65:
        assert done.err.startswith("darn: tasks.csv"), repr(done)
        assert len(done.err.splitlines()) == 1, repr(done)


def test_keys_in_a_task_file_are_refused_and_not_repeated(darn):
    key = "sk-ant-api03-" + "Zx9" * 20
    for column in ("API_KEY", "env.API_KEY"):
        darn.csv(f"id,command,{column}", ["a", "true", key])
        done = darn("run", "tasks.csv", status=65)
        assert done.err.startswith("darn: tasks.csv:2:8: ") and key not in done.err + done.out
    assert darn.runs() == []


def deep(opening):
    return (opening * 100_000).encode()


@pytest.mark.parametrize("name,text", [
    ("deep.yaml", b"tasks: " + deep("[")), ("maps.yaml", b"tasks: " + deep("{a: ")),
    ("lists.yaml", b"tasks:\n" + deep("- ")),
    ("bomb.yaml", b"\n".join([b"l0: &l0 [x, x, x, x, x, x, x, x]"] +
                             [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 8)}]".encode()
                              for i in range(1, 30)] + [b"tasks: *l29"])),
    ("quotes.csv", b'id,command\na,"' + deep('""')), ("commas.csv", b"id" + deep(",")),
    ("self.yaml", b"tasks: &t [*t]\n"), ("tag.yaml", b"tasks: !!python/object:os.system [x]\n")])
def test_files_built_to_hurt(darn, name, text):
    darn.write(name, text)
    done = darn("run", name, status=65)
    assert done.err.startswith(f"darn: {name}:") and len(done.err) < 2000, repr(done)
    assert darn.runs() == []
