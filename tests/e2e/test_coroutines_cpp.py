"""darn/asio.hpp for strangers: the page shows the example as it is, and what cannot be a coroutine does
not compile, with a sentence that says what to do."""

import subprocess

import pytest

from conftest import ROOT
from library import run

START = """\
#include <darn/asio.hpp>
using boost::asio::awaitable;
struct mine {
  static constexpr darn::layer layer = darn::layer::timeout;
  template <class Next>
  auto run(darn::call& c, Next&& next) const { return next(c); }
};
%s
awaitable<void> use() {
  (void)co_await darn::async_run(darn::pipeline(%s), %s);
}
"""
FORM = """\
template <class Next>
awaitable<typename Next::outcome_type> async_step(const mine&, darn::call& c, Next next) {
  auto result = co_await next(c);
  co_return result;
}
"""
COROUTINE = "[]() -> awaitable<int> { co_return 1; }"


def has_boost():
    done = subprocess.run(["g++", "-E", "-x", "c++", "-"], text=True, capture_output=True,
                          input="#include <boost/asio/cancellation_signal.hpp>\n")
    return done.returncode == 0


@pytest.mark.skipif(not has_boost(), reason="no Boost 1.77 or later")
@pytest.mark.parametrize("form,policy,callee,sentence", [
    (FORM, "mine()", COROUTINE, None),
    ("", "mine()", COROUTINE, "a policy of this pipeline has no form for coroutines: write async_step("),
    ("", "", "[] { return 1; }",
     "async_run is for coroutines: the callee has to return boost::asio::awaitable<T>"),
], ids=["own-policy", "no-form", "no-coroutine"])
def test_what_compiles(tmp_path, form, policy, callee, sentence):
    (tmp_path / "use.cpp").write_text(START % (form, policy, callee))
    said = run("g++", "-std=c++20", "-fsyntax-only", f"-I{ROOT / 'include'}", tmp_path / "use.cpp",
               status=0 if sentence is None else None)
    assert sentence is None or sentence in said, said


def test_the_page_shows_the_example():
    page = (ROOT / "docs/resilience/coroutines.md").read_text()
    assert f"```c++\n{(ROOT / 'examples/resilience/coroutine.cpp').read_text()}```\n" in page


def test_nothing_else_needs_boost():
    allowed = {"asio.hpp", "asio_wait.hpp", "asio_run.hpp", "asio_gates.hpp", "asio_steps.hpp"}
    for header in (ROOT / "include").rglob("*.hpp"):
        if header.name not in allowed:
            text = header.read_text()
            assert "boost/" not in text and "asio" not in "".join(
                line for line in text.splitlines() if line.startswith("#include")), header
