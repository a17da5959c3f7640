"""What the documentation shows is what happens. A ```console block is a session: each `$ darn …` is
run, and what it prints is compared with the lines below it, but for times, ids and hashes; a line
with `…` alone stands for any lines. A ```csv block before it is its tasks.csv, a ```toml block its
darn.toml. A ```sh block is a list
of examples: each is run where it makes sense, and must not be refused as wrong usage."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import PROGRAM, ROOT, until

COMMANDS = sorted((ROOT / "docs/commands").glob("*.md"))
ARE_SESSIONS = [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
                if "```console" in p.read_text()]


def blocks(path, *kinds):
    """(kind, text) of the fenced blocks, in their order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", path.read_text(), re.M | re.S)
    return [(kind, text) for kind, text in found if kind in kinds]


CHANGES = [  # in this order
    (r"\b\d{8}-\d{6}(-\d+)?\b", "<id>"),
    (r"\b\d\d:\d\d:\d\d\b", "<clock>"),
    (r"\b[0-9a-f]{32}\b", "<hash>"),
    (r"\b(\d+(\.\d+)? ?(ms|s|m|h)\b ?)+(?=\W|$)", "<time>"),
    (r"\b\d+(\.\d+)? [KMG]iB\b", "<size>"),
    (r"<(id|clock|hash|time|size)> +", r"<\1> "),  # what stands in columns
    (r" +(<time>|TIME\b)", r" \1"),
]


def normal(text):
    for pattern, name in CHANGES:
        text = re.sub(pattern, name, text)
    return [line.rstrip() for line in text.splitlines()]


def in_any_order(lines):
    """Tasks that run beside each other end in any order: their entries are sorted within a cycle."""
    out, entries = [], []
    for line in lines:
        if line[:1] in "✓✗↻~" and line:
            entries.append([line])
        elif entries and line.startswith("      "):
            entries[-1].append(line)
        else:
            out += [l for entry in sorted(entries) for l in entry] + [line]
            entries = []
    return out + [l for entry in sorted(entries) for l in entry]


def matches(shown, printed):
    """With `…` for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "…" else re.escape(line) + "\n"
                      for line in shown)
    return re.fullmatch(pattern, "".join(line + "\n" for line in printed))


FETCH = "test -e seen || { touch seen; echo 'curl: (6) Could not resolve host: example.org' >&2; exit 6; }\n"


@pytest.mark.parametrize("path", ARE_SESSIONS, ids=lambda p: p.stem)
def test_sessions(darn, path):
    commands = 0
    darn.write("fetch.sh", FETCH)
    for kind, text in blocks(path, "csv", "toml", "console"):
        if kind != "console":
            darn.write("tasks.csv" if kind == "csv" else "darn.toml", text)
            continue
        for entry in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, _, shown = entry.partition("\n")
            assert command.startswith("darn "), command
            done = subprocess.run(["sh", "-c", command.replace("darn", str(PROGRAM), 1)],
                                  cwd=darn.dir, env=darn.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=60)
            want, got = in_any_order(normal(shown)), in_any_order(normal(done.stdout))
            assert matches(want, got), (f"{path}: $ {command}\nprints\n" + "\n".join(got) +
                                        "\nand is said to print\n" + "\n".join(want))
            commands += 1
    assert commands


def test_commands_in_the_readme_s_text(darn):
    text = (ROOT / "README.md").read_text()
    darn.write("tasks.csv", blocks(ROOT / "README.md", "csv")[0][1])
    darn.run("tasks.csv", status=1)
    spoken = re.findall(r"`darn ([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    assert len(spoken) >= 3
    for words in spoken:
        done = darn(*words.split())
        assert done.status in (0, 1), repr(done)


# A batch with every id that the examples name.
TASKS = """\
id,command,check,retries
build,echo built; echo x >> built; test $(wc -l < built) -gt 1,,1
review,echo fine; echo hm >&2,echo checked,
flaky-test,exit 1,,0
"""
YAML = "tasks:\n  - {id: a, command: 'true'}\n"
GATED = "id,command\nbuild,while [ ! -e go ]; do sleep 0.02; done\n"


ALWAYS_IDLE = ("curl", "npm")  # these would ask the network


@pytest.fixture
def shell(darn):
    """sh in darn's directory, where `darn` notes what it ended with, and helpers do nothing."""
    for name in ("jq", "mail", "deploy", "sqlite3", "claude", *ALWAYS_IDLE):
        if name in ALWAYS_IDLE or not shutil.which(name):
            darn.write(f"bin/{name}", "#!/bin/sh\n[ -t 0 ] || cat > /dev/null; echo 1.0\n", 0o755)
    darn.write("bin/darn", f'#!/bin/sh\n{PROGRAM} "$@"\ns=$?\necho "$s $*" >> "{darn.talk}/ends"\n'
                           "exit $s\n", 0o755)
    env = darn.env | {"PATH": f"{darn.dir}/bin:{os.environ['PATH']}",
                      "GITHUB_STEP_SUMMARY": str(darn.talk / "summary")}

    def run(line, timeout=60):
        before = (darn.talk / "ends").read_text() if (darn.talk / "ends").exists() else ""
        done = subprocess.run(["sh", "-c", line], cwd=darn.dir, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)
        ends = (darn.talk / "ends").read_text()[len(before):].splitlines()
        return [int(end.split()[0]) for end in ends], done.stdout + done.stderr

    return run


def finished(darn):
    darn.run("tasks.csv", status=1)


def living(darn):
    darn.write("gated.csv", GATED)
    darn.run("gated.csv", "--detach")
    until("it runs", lambda: darn.tasks()["build"]["state"] == "running")


def interrupted(darn):
    darn.write("gated.csv", GATED)
    live = darn.start("run", "gated.csv")
    until("it runs", lambda: darn.runs() and darn.states().get("build") == "running")
    live.signal(signal.SIGTERM)
    live.wait()
    darn.write("go", "")


def project(darn):
    finished(darn)
    darn.write("pyproject.toml", "[tool.ruff]\n")
    darn.config("[dev]\ntest = 'echo'\nquality = ['test']\ncheck-all = ['quality']\n")


BEFORE = {"dev": project, "add": living, "cancel": living, "wait": living, "resume": interrupted}


@pytest.mark.parametrize("path", COMMANDS, ids=lambda p: p.stem)
def test_examples_of_a_command(darn, shell, path):
    darn.write("tasks.csv", TASKS)
    darn.write("agents.csv", TASKS)
    darn.write("more.csv", "id,command\nmore,true\n")
    darn.write("tasks.yaml", YAML)
    lines = [line for _, text in blocks(path, "sh") for line in text.splitlines()]
    assert lines or path.stem == "darn"
    BEFORE.get(path.stem, finished)(darn)
    run = darn.status()["run"]
    for line in lines:
        if path.stem == "wait":
            darn.write("go", "")
        if path.stem == "cancel" and not darn.alive():
            darn.path("go").unlink(missing_ok=True)
            living(darn)
            run = darn.status()["run"]
        line = re.sub(r"\b20261122-173005\b", run, line)
        if line.startswith("run=$("):  # what one line sets, the next one uses
            run_id = line
            continue
        if '"$run"' in line:
            line = run_id + "\n" + line
        ends, said = shell(line)
        assert ends and all(end in (0, 1) for end in ends), f"{line}\n{ends}\n{said}"
        assert "jq: error" not in said, said
    darn.write("go", "")
    for one in darn.runs():
        darn("wait", one["run"])


def indented(path):
    """Blocks of code that are indented by four."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    found = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.M)
    return [b for b in (re.sub(r"^ {4}", "", block, flags=re.M).strip() for block in found) if b]


def test_definitions_in_docs_agents(darn):
    code = indented(ROOT / "docs/agents.md")
    toml = [block for block in code if block.startswith("[agents.")]
    assert len(toml) >= 3
    darn.config("\n".join(toml) + "\n")
    shown = {a["name"]: a for a in darn("agents", "--json", status=0).json()}
    assert {"mine", "opus", "claude", "codex"} <= set(shown)
    csv = [block for block in code if block.startswith("id,")]
    darn.write("src/a.c", "int a;\n")
    darn.write("tasks.csv", "\n".join(csv) + "\n")
    darn.run("tasks.csv", "--dry-run")


def tables(path):
    """name in the first column -> names in the second, of each table."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", path.read_text(), re.M):
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()[2:]]
        names = [[re.findall(r"`(\w+)`", cell) for cell in row] for row in rows]
        found.append({n: row[1] if len(row) > 1 else [] for row in names for n in row[0]})
    return found


def test_events_are_as_described(darn):
    every, kinds, started, ended = tables(ROOT / "docs/events.md")
    # Longer than a busy machine takes to look: a rest that is over by then is not told of.
    darn.config('[policy]\nrest_without_hint = "2s"\n')
    darn.csv("id,command,retries", ["a", "true", ""], ["b", "test -e b || { touch b; exit 1; }", 0],
             ["c", "test -e c || { touch c; echo 'HTTP 429 Too Many Requests'; exit 1; }", ""])
    live = darn.run("tasks.csv", "--auto-retry", "--progress", "json").jsonl()
    rebuilt = darn("events", "last", status=0).jsonl()
    whole = {"counts", "running", "retries", "cost_usd"}
    assert {e["event"] for e in live} == set(kinds)
    for events in (live, rebuilt):
        for event in events:
            final = event["event"] == "run_ended"
            extra = whole if events is live or final else set()
            named = set(every) | set(kinds[event["event"]])
            assert named <= set(event) <= named | extra, event
            if "attempt" in named:
                fields = set(started) | (set(ended) if event["event"] == "attempt_ended" else set())
                assert set(event["attempt"]) == fields, event["attempt"]
            if event["event"] == "attempt_ended":
                for part in ("outcome", "diagnosis", "decision"):
                    described = set(ended[part])
                    assert set(event["attempt"][part]) <= described, event["attempt"][part]
