"""What is wrong with the input is said in one line with its place and the mend; nothing starts."""

import re

import pytest

MARK = "touch started"  # the command that must not have run


def refused(darn, done, status, place, words):
    assert done.status == status, repr(done)
    assert not darn.path("started").exists(), "a task was started"
    assert darn.runs() == [], "a run was recorded"
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, f"more than one line:\n{done.err}"
    assert lines[0].startswith("darn: "), lines[0]
    if place:
        assert re.match(rf"darn: {place}: ", lines[0]), f"wanted {place} in: {lines[0]}"
    for word in words:
        assert word in lines[0], f"wanted {word!r} in: {lines[0]}"
    return lines[0]


CSV = {
    "near miss of a column": (f"id,comand\na,{MARK}\n", r"tasks\.csv:1:4", ["comand", "command"]),
    "near miss of output_file": (f"id,command,outputfile\na,{MARK},x\n", r"tasks\.csv:1:12",
                                 ["outputfile", "output_file"]),
    "column twice": (f"id,command,id\na,{MARK},b\n", r"tasks\.csv:1:12", ["id"]),
    "parameter PATH": (f"id,command,PATH\na,{MARK},/x\n", r"tasks\.csv:1:12", ["PATH"]),
    "parameter IFS": (f"id,command,IFS\na,{MARK},x\n", r"tasks\.csv:1:12", ["IFS"]),
    "parameter LD_PRELOAD": (f"id,command,LD_PRELOAD\na,{MARK},x\n", r"tasks\.csv:1:12",
                             ["LD_PRELOAD"]),
    "column with no meaning yet": (f"id,command,gpus\na,{MARK},1\n", r"tasks\.csv:1:12", ["gpus"]),
    "neither command nor agent": (f"id,command\na,{MARK}\nb,\n", r"tasks\.csv:3:\d+",
                                  ["command", "agent"]),
    "command and agent": (f"id,command,agent,task\na,{MARK},claude,x\n", r"tasks\.csv:2:\d+",
                          ["command", "agent"]),
    "unknown agent": (f"id,agent,task\na,cluade,x\n", r"tasks\.csv:2:3", ["cluade", "claude"]),
    "empty id": (f"id,command\n,{MARK}\n", r"tasks\.csv:2:1", ["id"]),
    "duplicate id": (f"id,command\na,{MARK}\nb,true\na,true\n", r"tasks\.csv:4:1", ["'a'"]),
    "missing dependency": (f"id,command,after\na,{MARK},\nb,true,nobody\n", r"tasks\.csv:3:\d+",
                           ["nobody"]),
    "cycle": (f"id,command,after\nx,{MARK},\na,true,c\nb,true,a\nc,true,b\n",
              r"tasks\.csv:\d+:\d+", ["cycle", "a", "b", "c"]),
    "its own dependency": (f"id,command,after\na,{MARK},a\n", r"tasks\.csv:2:\d+", ["a"]),
    "bad number": (f"id,command,retries\na,{MARK},many\n", r"tasks\.csv:2:\d+", ["many"]),
    "negative number": (f"id,command,retries\na,{MARK},-1\n", r"tasks\.csv:2:\d+", ["-1"]),
    "bad duration": (f"id,command,timeout\na,{MARK},5 parsecs\n", r"tasks\.csv:2:\d+",
                     ["5 parsecs"]),
    "row too long": (f"id,command\na,{MARK}\nb,true,more\n", r"tasks\.csv:3:\d+", ["3", "2"]),
    "row too short": (f"id,command,tags\na,{MARK},x\nb,true\n", r"tasks\.csv:3:\d+", ["2", "3"]),
    "unclosed quote": (f'id,command\na,{MARK}\nb,"echo\n', r"tasks\.csv:3:3", ["quote"]),
    "NUL": (f"id,command\na,{MARK}\nb,tr\0ue\n", r"tasks\.csv:3:\d+", ["NUL"]),
    "not UTF-8": (f"id,command\na,{MARK}\nb,echo ".encode() + b"\xff\xfe\n", r"tasks\.csv:3:\d+",
                  ["UTF-8"]),
    "empty": ("", r"tasks\.csv(:\d+:\d+)?", ["empty"]),
    "output outside": (f"id,command,output_file\na,{MARK},../x\n", r"tasks\.csv:2:\d+", ["../x"]),
    "context outside": ("id,agent,task,context_path\na,claude,x,/etc/passwd\n",
                        r"tasks\.csv:2:\d+", ["/etc/passwd"]),
}


@pytest.mark.parametrize("case", CSV)
def test_csv(darn, case):
    text, place, words = CSV[case]
    darn.write("tasks.csv", text)
    line = refused(darn, darn("run", "tasks.csv"), 65, place, words)
    assert "; " in line, f"no mend: {line}"


YAML = {
    "broken": (f"tasks:\n  - id: a\n    command: {MARK}\n  - id: 'b\n", r"tasks\.yaml:\d+:\d+", []),
    "no tasks": ("defaults: {timeout: 5s}\n", r"tasks\.yaml(:\d+:\d+)?", ["tasks"]),
    "no id": (f"tasks:\n  - id: a\n    command: {MARK}\n  - command: 'true'\n",
              r"tasks\.yaml:4:\d+", ["id"]),
    "near miss of a field": (f"tasks:\n  - id: a\n    command: {MARK}\n    timeuot: 5s\n",
                             r"tasks\.yaml:4:\d+", ["timeuot", "timeout"]),
    "bad duration": (f"tasks:\n  - id: a\n    command: {MARK}\n    timeout: soon\n",
                     r"tasks\.yaml:4:\d+", ["soon"]),
    "cycle": (f"tasks:\n  - {{id: a, command: {MARK}, after: [b]}}\n"
              "  - {id: b, command: 'true', after: [a]}\n", r"tasks\.yaml:\d+:\d+", ["cycle"]),
    "unknown section": (f"polcy: {{max_retries: 1}}\ntasks:\n  - {{id: a, command: {MARK}}}\n",
                        r"tasks\.yaml:1:\d+", ["polcy", "policy"]),
    "bad pool": (f"pools:\n  p: {{limit: few}}\ntasks:\n  - {{id: a, command: {MARK}}}\n",
                 r"tasks\.yaml:2:\d+", ["limit"]),
    "bad predicate": (f"tasks:\n  - id: a\n    command: {MARK}\n    failed_when: ['no pointer']\n",
                      r"tasks\.yaml:4:\d+", []),
    "fallback nobody knows": (
        f"tasks:\n  - id: a\n    agent: claude\n    task: x\n    fallback: cluade\n",
        r"tasks\.yaml:\d+:\d+", ["cluade"]),
}


@pytest.mark.parametrize("case", YAML)
def test_yaml(darn, case):
    text, place, words = YAML[case]
    darn.write("tasks.yaml", text)
    refused(darn, darn("run", "tasks.yaml"), 65, place, words)


CONFIG = {
    "broken": ("[run\n", r"\S*darn\.toml:1:\d+", []),
    "unknown key": ("[run]\njobz = 3\n", r"\S*darn\.toml:2:\d+", ["jobz", "jobs"]),
    "wrong type": ('[run]\njobs = "many"\n', r"\S*darn\.toml:2:\d+", ["jobs"]),
    "out of range": ("[policy]\njitter = 7\n", r"\S*darn\.toml:2:\d+", ["jitter"]),
    "bad regex": ('[[policy.rules]]\noutput_regex = "("\nthen = "retry"\n',
                  r"\S*darn\.toml:\d+:\d+",
                  []),
    "agent without command": ('[agents.mine]\nstdin = "{task}"\n', r"\S*darn\.toml:\d+:\d+",
                              ["command"]),
    "unknown placeholder": ('[agents.mine]\ncommand = ["x", "{tsk}"]\n', r"\S*darn\.toml:\d+:\d+",
                            ["tsk"]),
}


@pytest.mark.parametrize("case", CONFIG)
def test_configuration(darn, case):
    text, place, words = CONFIG[case]
    darn.csv("id,command", ["a", MARK])
    darn.config(text)
    refused(darn, darn("run", "tasks.csv"), 78, place, words)


USAGE = {
    "no such command": ["rnu", "tasks.csv"],
    "no such flag": ["run", "--autoretry", "tasks.csv"],
    "bad number": ["run", "-j", "many", "tasks.csv"],
    "bad duration": ["run", "--timeout", "soon", "tasks.csv"],
    "no file": ["run"],
    "two ways to halt": ["run", "--fail-fast", "--keep-going", "tasks.csv"],
    "bad budget": ["run", "--budget", "much", "tasks.csv"],
    "no colour": ["--color", "blue", "run", "tasks.csv"],
    "no such state": ["status"],
}


@pytest.mark.parametrize("case", USAGE)
def test_usage(darn, case):
    darn.csv("id,command", ["a", MARK])
    refused(darn, darn(*USAGE[case]), 64, None, [])


def test_a_file_that_is_not_there(darn):
    done = darn("run", "nothing.csv")
    assert done.status in (65, 74) and "nothing.csv" in done.err, repr(done)
    assert darn.runs() == []


def test_a_directory_is_not_a_task_file(darn):
    darn.path("dir.csv").mkdir()
    done = darn("run", "dir.csv")
    assert done.status in (65, 74) and "dir.csv" in done.err, repr(done)


def test_a_run_that_is_not_there(darn):
    darn.csv("id,command", ["a", "true"])
    darn.run("tasks.csv")
    done = darn("status", "19990101-000000")
    assert done.status == 64 and "19990101" in done.err, repr(done)
    done = darn("log", "last", "nobody")
    assert done.status == 64 and "nobody" in done.err, repr(done)


def test_a_refused_file_leaves_an_earlier_run_alone(darn):
    darn.csv("id,command", ["a", "true"])
    darn.run("tasks.csv")
    before = darn.runs()
    darn.write("bad.csv", "id,command\na,true\na,true\n")
    darn("run", "bad.csv", status=65)
    assert darn.runs() == before


def test_a_column_of_four_letters_is_a_parameter(darn):
    darn.csv("id,command,tag", ["a", 'printf "%s" "$tag" > out', "blue"])
    darn.run("tasks.csv")
    assert darn.path("out").read_text() == "blue"


def test_a_state_directory_that_cannot_be(darn):
    darn.csv("id,command", ["a", MARK])
    darn.write("file", "")
    for place in ("file", "/proc/darn"):
        done = darn("--state", place, "run", "tasks.csv", status=74)
        assert len(done.err.splitlines()) == 1 and "--state" in done.err
    assert not darn.path("started").exists()


def test_adding_to_and_resuming_what_has_ended(darn):
    darn.csv("id,command,retries", ["a", "exit 1", 0])
    darn.csv("id,command", ["b", MARK], name="more.csv")
    darn.run("tasks.csv", status=1)
    for args in (["add", "last", "more.csv"], ["resume", "last"]):
        done = darn(*args, status=64)
        assert len(done.err.splitlines()) == 1 and "ended" in done.err
    darn("cancel", "last", status=0)
    assert not darn.path("started").exists()
