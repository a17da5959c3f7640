"""The library in the hands of others: installed and found, or built as a part of their project, with
both compilers, as C++20 and C++23; and pipelines that make no sense do not compile."""

import re

import pytest

from conftest import ROOT
from library import CLANG, build, configure, installed, run

OURS = ROOT / "tests/package"
STRICT = "CMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"


def test_what_is_installed(tmp_path_factory):
    prefix = installed(tmp_path_factory)
    files = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if p.is_file()}
    headers = {"include/" + str(p.relative_to(ROOT / "include"))
               for p in (ROOT / "include").rglob("*.hpp")}
    assert headers <= files
    rest = {re.sub(r"^lib[^/]*/(\w+-linux-gnu/)?", "lib/", f) for f in files - headers}
    assert rest == {"lib/libdarn_resilience.a", "share/licenses/darn/LICENSE",
                    *(f"lib/cmake/darn/{f}.cmake" for f in (
                        "darnConfig", "darnConfigVersion", "darnTargets", "darnTargets-noconfig"))}
    for path in prefix.rglob("*.cmake"):
        assert not re.search(r'["\s;](/usr|/tmp|/home|' + str(ROOT) + ")", path.read_text()), path


def test_one_archive_serves_both_kinds_of_expected(tmp_path_factory):
    archive, = installed(tmp_path_factory).rglob("*.a")
    symbols = run("nm", "-C", archive)
    assert "darn::retry::collect" in symbols
    assert not re.findall(r".*\bexpected<.*", symbols)
    # Inline, and named alike whatever they return: they must come from the consumer alone.
    assert not re.findall(r".* [WV] darn::\w+::enter\(darn::call&\) const", symbols)


@pytest.mark.parametrize("standard", [20, 23])
@pytest.mark.parametrize("compiler", ["g++", CLANG])
def test_found(tmp_path, tmp_path_factory, compiler, standard):
    prefix = installed(tmp_path_factory, compiler)
    configure(OURS / "installed", tmp_path / "b", f"darn_ROOT={prefix}", STRICT,
              f"CMAKE_CXX_STANDARD={standard}", compiler=compiler)
    build(tmp_path / "b")
    said = run(tmp_path / "b/stranger")
    # clang 16 has no std::expected with the library of g++ 12.
    own = standard == 23 and compiler == "g++"
    assert said == f"ok with {'std' if own else 'tl'}::expected\n"


def test_found_without_the_package_of_tl_expected(tmp_path, tmp_path_factory):
    prefix = installed(tmp_path_factory)
    configure(OURS / "installed", tmp_path / "b", f"darn_ROOT={prefix}",
              "CMAKE_DISABLE_FIND_PACKAGE_tl-expected=ON", "CMAKE_CXX_STANDARD=20")
    build(tmp_path / "b")
    assert run(tmp_path / "b/stranger") == "ok with tl::expected\n"
    # And as C++23 it is not read at all.
    configure(OURS / "installed", tmp_path / "b", "CMAKE_CXX_STANDARD=23")
    build(tmp_path / "b")
    assert run(tmp_path / "b/stranger") == "ok with std::expected\n"
    read = run("ninja", "-C", tmp_path / "b", "-t", "deps")
    assert "darn/retry.hpp" in read and "tl/expected.hpp" not in read


def test_another_major_version_is_refused(tmp_path, tmp_path_factory):
    said = configure(OURS / "installed", tmp_path / "b", "DARN_WANTED=1.0",
                     f"darn_ROOT={installed(tmp_path_factory)}", status=None)
    said = " ".join(said.split())
    assert "compatible with requested version" in said and "0.1.0" in said


def test_shared_library(tmp_path, tmp_path_factory):
    prefix = installed(tmp_path_factory, shared=True)
    assert not list(prefix.rglob("*.a"))
    configure(OURS / "installed", tmp_path / "b", f"darn_ROOT={prefix}", "CMAKE_CXX_STANDARD=20")
    build(tmp_path / "b")
    assert "libdarn_resilience.so.0 " in run("ldd", tmp_path / "b/stranger")
    assert run(tmp_path / "b/stranger") == "ok with tl::expected\n"


def test_as_a_part_of_another_project(tmp_path):
    # Its warnings are the parent's, and so are errors here.
    configure(OURS / "fetched", tmp_path / "b", f"FETCHCONTENT_SOURCE_DIR_DARN={ROOT}", STRICT,
              "CMAKE_CXX_STANDARD=23", "CMAKE_UNITY_BUILD=ON")
    build(tmp_path / "b")
    assert run(tmp_path / "b/stranger") == "ok with std::expected\n"
    cache = (tmp_path / "b/CMakeCache.txt").read_text()
    assert "CMAKE_INSTALL_LIBDIR" not in cache and "DARN_CCACHE" not in cache


MAKE = {"fallback": "darn::fallback(1)", "retry": "darn::retry()", "hedge": "darn::hedge()",
        "timeout": "darn::timeout(std::chrono::seconds{1})",
        "circuit_breaker": "darn::circuit_breaker()",
        "adaptive_throttle": "darn::adaptive_throttle()", "rate_limiter": "darn::rate_limiter()",
        "bulkhead": "darn::bulkhead()", "concurrency_limit": "darn::concurrency_limit()",
        "fail_when": "darn::fail_when([](int n) { return n < 0; })", "chaos": "darn::chaos()"}


def order_rules():
    """(outer, inner, sentence) of include/darn/order.hpp."""
    text = re.sub(r"\\\n", "\n", (ROOT / "include/darn/order.hpp").read_text())
    found = re.findall(r'X\((\w+), (\w+),\s*((?:"[^"]*"\s*)+)\)', text)
    return [(outer, inner, "".join(re.findall(r'"([^"]*)"', words)))
            for outer, inner, words in found]


def compile_only(folder, pipelines, compiler, status):
    includes = "".join(f"#include <darn/{name}.hpp>\n" for name in (*MAKE, "pipeline"))
    body = "".join(f"  (void)darn::pipeline({', '.join(MAKE[p] for p in ps)});\n"
                   for ps in pipelines)
    source = folder / "order.cpp"
    source.write_text(f"{includes}int main() {{\n{body}}}\n")
    return run(compiler, "-std=c++20", "-fsyntax-only", f"-I{ROOT / 'include'}", source,
               *(["-ferror-limit=0"] if compiler == CLANG else []), status=status)


@pytest.mark.parametrize("compiler", ["g++", CLANG])
def test_wrong_orders_do_not_compile(tmp_path, compiler):
    rules = order_rules()
    assert len(rules) >= 20
    said = compile_only(tmp_path, [(o, i) for o, i, _ in rules], compiler, status=None)
    for outer, inner, sentence in rules:
        assert sentence in said, f"{outer} before {inner}"
    # One sentence for each mistake, and nothing else is wrong.
    assert len(re.findall(r"error: static assertion failed", said)) == len(rules), said
    assert len(re.findall(r"error:", said)) == len(rules), said


def test_the_recommended_order_compiles(tmp_path):
    compile_only(tmp_path, [tuple(MAKE), ("fallback", "timeout", "retry", "circuit_breaker"),
                            ("retry", "timeout"), ("timeout", "retry", "timeout")], "g++", 0)
