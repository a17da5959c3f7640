"""action.yml and the workflows are what GitHub takes, by its schemas; what is written of the action is
what it has; and no expression is where it would be run as code."""

import json
import re

import jsonschema
import pytest
import yaml

from conftest import ROOT
from github import EXPRESSION, load

ACTION = load(ROOT / "action.yml")
MANUAL = ROOT / "docs/github-actions.md"
EXAMPLE = ROOT / "examples/github/workflow.yml"
WORKFLOWS = [EXAMPLE, *sorted((ROOT / ".github/workflows").glob("*.yml"))]
OURS = "OWNER/darn@"


def schema(name):
    text = json.loads((ROOT / f"tests/support/schemas/github-{name}.json").read_text())
    kind = jsonschema.validators.validator_for(text)
    kind.check_schema(text)
    return kind(text)


class Plain(yaml.SafeLoader):
    """Values with their types, but `on` is a key."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Plain.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def read(path):
    return yaml.load(path.read_text(), Loader=Plain)


def wrong(kind, content):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}"
            for e in schema(kind).iter_errors(content)]


def test_action_yml_is_an_action():
    assert wrong("action", read(ROOT / "action.yml")) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_workflows_are_workflows(path):
    assert wrong("workflow", read(path)) == []


def test_the_schemas_find_mistakes():
    action, workflow = read(ROOT / "action.yml"), read(EXAMPLE)
    del action["runs"]["steps"][0]["shell"]
    workflow["jobs"]["test"]["step"] = []
    assert wrong("action", action) and wrong("workflow", workflow)


def scripts(content):
    """Every `run` of a file's steps."""
    jobs = [content["runs"]] if "runs" in content else content["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_no_expression_inside_a_script():
    for path in [ROOT / "action.yml", *WORKFLOWS]:
        found = scripts(load(path))
        assert found and not [run for run in found if "${{" in run], path
    for step in steps_with_ours():
        assert "${{" not in step["with"]["run"] + step["with"].get("fallback", "")


def test_scripts_of_the_action_are_one_command_each():
    for run in scripts(ACTION):
        program = re.fullmatch(r'exec (?:python3 -I )?"\$GITHUB_ACTION_PATH/([\w/.-]+)"', run)[1]
        path = ROOT / program
        assert path.is_file() and (path.suffix == ".py" or path.stat().st_mode & 0o111)


def test_every_input_reaches_the_script_and_every_output_leaves_it():
    env = [pair for s in ACTION["runs"]["steps"] for pair in s.get("env", {}).items()]
    reached = {(name, m[1]) for name, text in env for m in EXPRESSION.finditer(text)
               if m[1].startswith("inputs.")}
    assert reached == {("DARN_ACTION_" + name.upper().replace("-", "_"), f"inputs.{name}")
                       for name in ACTION["inputs"]}
    for name, about in ACTION["outputs"].items():
        assert about["value"] == f"${{{{ steps.exec.outputs.{name} }}}}"


def test_every_flag_of_a_use_is_an_input(darn):
    flags = set(re.findall(r"^ +(?:-\w,)?--([a-z-]+)", darn("exec", "--help", status=0).out, re.M))
    others = {"help", "quiet", "json", "report", "stats", "minutes", "breakers", "reset", "state", "color"}
    own = {"run", "shell", "working-directory", "darn"}
    assert flags - others == set(ACTION["inputs"]) - own


def table(heading):
    """Rows of the table under a heading of the manual: name -> cells."""
    part = re.search(rf"^## {heading}\n(.*?)^## ", MANUAL.read_text(), re.M | re.S)[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in part.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_manual_s_tables():
    inputs = table("Inputs")
    assert list(inputs) == list(ACTION["inputs"])
    for name, about in ACTION["inputs"].items():
        if about.get("default"):
            assert inputs[name][1] == f"`{about['default']}`"
        assert (about.get("required") == "true") == (name == "run")
    outputs = table("Outputs")
    assert list(outputs) == list(ACTION["outputs"])


def steps_with_ours():
    """Of the workflows and of the manual's blocks."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", MANUAL.read_text(), re.M | re.S)
    steps = [s for block in blocks for s in yaml.load(block, Loader=yaml.BaseLoader)]
    steps += [s for path in WORKFLOWS for job in load(path)["jobs"].values() for s in job["steps"]]
    return [s for s in steps if s.get("uses", "").startswith((OURS, "./"))]


def test_what_uses_the_action_names_its_inputs():
    assert len(steps_with_ours()) >= 5
    for step in steps_with_ours():
        assert "run" in step["with"] and set(step["with"]) <= set(ACTION["inputs"])


def test_versions_are_pinned(darn):
    version = darn("--version", status=0).out.split()[1]
    for path in [ROOT / "action.yml", MANUAL, *WORKFLOWS]:
        for used in set(re.findall(r"uses: (\S+)", path.read_text())) - {"./"}:
            wanted = re.escape(f"{OURS}v{version}") if used.startswith(OURS) else r"actions/\S+@v\d+"
            assert re.fullmatch(wanted, used), f"{path}: {used}"
