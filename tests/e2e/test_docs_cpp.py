"""The C++ of README.md and docs/resilience*.md compiles, as a stranger's strict compiler sees it, and runs; the
settings in the tables are those of the headers; no link leads nowhere."""

import re
from pathlib import Path

import pytest

from conftest import ROOT
from library import build, configure, installed, run
from test_docs import blocks
from test_package import order_rules

GUIDE = ROOT / "docs/resilience.md"
PAGES = sorted((ROOT / "docs/resilience").glob("*.md"))
HEADERS = ROOT / "include/darn"

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(docs LANGUAGES CXX)
find_package(darn 0.1 REQUIRED)
add_executable(docs main.cpp part0.cpp part1.cpp)
target_include_directories(docs PRIVATE %s)
target_link_libraries(docs PRIVATE darn::resilience)
"""


def function(path, number, text, line):
    """A block as a function: what is a program becomes one as it is, what is not gets braces."""
    where = f'#line {line} "{path.relative_to(ROOT)}"\n'
    text = re.sub(r"^#include .*$", "", text, flags=re.M)  # the prelude has them all
    if "int main()" in text:
        body = where + text.replace("int main()", "int run()").replace("return 1", "return __LINE__")
        body = re.sub(r"\}\s*\Z", "return 0;\n}\n", body)
    else:
        body = f"int run() {{\n{where}{text}return 0;\n}}\n"
    return f"namespace {path.stem}_{number} {{\n{body}}}\n"


def test_blocks_compile_and_run(tmp_path, tmp_path_factory):
    parts, calls, declared = ["", ""], "", ""
    for page, path in enumerate([ROOT / "README.md", GUIDE, *PAGES]):
        whole = path.read_text()
        for number, (_, text) in enumerate(blocks(path, "cpp")):
            line = whole[:whole.index("```cpp\n" + text)].count("\n") + 2
            parts[page % 2] += function(path, number, text, line)
            declared += f"namespace {path.stem}_{number} {{ int run(); }}\n"
            calls += (f'  if (int bad = {path.stem}_{number}::run(); bad != 0)\n    return '
                      f'std::printf("{path.name}, block {number}: %d\\n", bad), 1;\n')
    assert calls.count("::run()") >= 12
    start = '#include "docs_prelude.hpp"\n'
    for number, part in enumerate(parts):
        (tmp_path / f"part{number}.cpp").write_text(start + part)
    (tmp_path / "main.cpp").write_text(f"#include <cstdio>\n{declared}int main() {{\n{calls}}}\n")
    (tmp_path / "CMakeLists.txt").write_text(PROJECT % (ROOT / "tests/package"))
    # What an example is given a name for it need not use.
    configure(tmp_path, tmp_path / "b", f"darn_ROOT={installed(tmp_path_factory)}",
              "CMAKE_CXX_FLAGS=-Wall -Wextra -Wno-unused-variable -Wno-unused-but-set-variable -Werror")
    build(tmp_path / "b")
    run(tmp_path / "b/docs", timeout=30)


def test_the_message_shown_is_the_real_one():
    shown = " ".join(re.search(r"```text\n(.*?)```", GUIDE.read_text(), re.S)[1].split())
    assert any(shown.endswith(sentence) for _, _, sentence in order_rules()), shown


def settings(struct):
    """name -> (type, default) of a struct of settings, as the headers have it."""
    for header in HEADERS.glob("*.hpp"):
        found = re.search(r"^struct " + struct + r" \{\n(.*?)^\};", header.read_text(), re.M | re.S)
        if not found:
            continue
        text = re.sub(r"//.*$", "", found[1], flags=re.M)
        text = re.sub(r"enum class.*?\};", "", text, flags=re.S)
        text = re.sub(r"\)( const)? \{.*?\n  \}", ");", text, flags=re.S)  # bodies of functions
        fields = {}
        for statement in text.split(";"):
            one = " ".join(statement.split())
            field = re.fullmatch(r"(?!static|friend)(.+?) (\w+) ?(?:= (.*)|(\{.*\}))", one)
            if field and field[1].count("(") == field[1].count(")"):  # else of a parameter
                fields[field[2]] = (field[1], field[3] or field[4])
        return fields
    return {}


UNITS = {"hours": "h", "minutes": "min", "seconds": "s", "milliseconds": "ms"}


def is_said(kind, default, cell):
    """Whether a table's cell tells the default that the header has."""
    if default == "{}":
        return ("0" in cell) if kind == "duration" else not re.search(r"\d", cell)
    durations = re.findall(r"std::chrono::(\w+)\{(\d+)\}", default)
    if durations:
        return all(re.search(rf"\b{n} {UNITS[unit]}\b", cell) for unit, n in durations)
    if re.fullmatch(r"[\d.]+|true|false", default):
        return default in re.findall(r"[\d.]*\d|\w+", cell)
    return cell != ""


def table_rows(text):
    for line in re.findall(r"^\| *`.*\|$", text, re.M):
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        yield re.findall(r"`(\w+)`", cells[0]), cells


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_settings_are_those_of_the_headers(path):
    text = path.read_text()
    named = re.search(r"^Settings \(`darn::(\w+)`\)", text, re.M)
    real = settings(named[1] if named else f"{path.stem}_options")
    if not real:
        assert not named, f"no struct {named[1]} in the headers"
        return
    told = {}
    for names, cells in table_rows(text[named.end():] if named else text):
        for name in names:
            told.setdefault(name, cells[1])
    assert set(real) - set(told) <= {"name"}, f"not told: {set(real) - set(told)}"
    for name in set(real) & set(told):
        kind, default = real[name]
        assert is_said(kind, default, told[name]), f"{name}: is {default}, said is {told[name]!r}"


def test_the_header_reader_reads():
    breaker = settings("circuit_breaker_options")
    assert breaker["open_for"] == ("duration", "std::chrono::seconds{30}")
    assert len(breaker) == 14 and len(settings("retry_options")) == 16
    assert not is_said(*breaker["open_for"], "3 s") and is_said(*breaker["open_for"], "30 s")


# What only code can give, or a text says in another way.
ONLY_CODE = {"should_retry", "on_retry", "on_give_up", "on_healed", "by_category", "counts", "on_change",
             "overload", "exception", "result_rate"}


ASK = """\
#include <cstdio>
#include <darn/any_pipeline.hpp>
int main(int, char** argv) {
  while (*++argv != nullptr) std::puts(darn::any_pipeline::parse(*argv).error().message.c_str());
}
"""


def test_each_setting_can_be_configured_and_the_page_says_so(tmp_path, tmp_path_factory):
    page = (ROOT / "docs/resilience/any_pipeline.md").read_text()
    table = dict(re.findall(r"^\| \[(\w+)\]\(\w+\.md\) \| (.*) \|$", page, re.M))
    assert len(table) == 9
    (tmp_path / "ask.cpp").write_text(ASK)
    prefix = installed(tmp_path_factory)
    run("g++", "-std=c++20", f"-I{prefix}/include", tmp_path / "ask.cpp", "-o", tmp_path / "ask",
        f"-L{prefix}/lib", "-ldarn_resilience", "-pthread")
    said = run(tmp_path / "ask", *[f"{policy}(nonsense=1)" for policy in table]).splitlines()
    for (policy, told), line in zip(table.items(), said, strict=True):
        known = re.fullmatch(rf"column \d+: {policy} takes (.*); not nonsense", line)[1].split(", ")
        if policy == "retry":
            assert known[-7:] == ["network", "rate_limit", "resource", "timeout", "transient", "permanent",
                                  "unknown"]
            known = known[:-7]
        assert re.findall(r"`(\w+)`", told) == known, policy
        assert set(settings(f"{policy}_options")) - ONLY_CODE <= set(known), policy


@pytest.mark.parametrize("path", [GUIDE, *PAGES], ids=lambda p: p.stem)
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    missing = [target for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
               if not (path.parent / target).exists()]
    # A policy may come before its page: that is seen here, but does not fail.
    assert not missing
