#include "process/command.hpp"

#include <doctest/doctest.h>

#include "process/run_tool.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using Words = std::vector<std::string>;

Words by_shell(const std::string& text) { return {"/bin/sh", "-c", text}; }

TEST_CASE("plain words and simple quotes need no shell") {
  CHECK(command_argv("make -j2 all") == Words{"make", "-j2", "all"});
  CHECK(command_argv("  make\tall  ") == Words{"make", "all"});
  CHECK(command_argv("grep 'a b|$c' \"d e\" f\\ g") == Words{"grep", "a b|$c", "d e", "f g"});
  CHECK(command_argv("printf-like '' \"\"") == Words{"printf-like", "", ""});
  CHECK(command_argv("cc -DX=1 --out=a.o") == Words{"cc", "-DX=1", "--out=a.o"});
  CHECK(command_argv("./run pre'mid'\"post\"") == Words{"./run", "premidpost"});
  CHECK(command_argv("café ü") == Words{"café", "ü"});
}

TEST_CASE("what only a shell understands goes to one, unchanged") {
  for (const char* text :
       {"a | b",    "a && b",       "a; b",       "a > f",    "a < f", "a $X",    "a `b`",
        "a *.c",    "a ?",          "a [x]",      "a {b,c}",  "a ~/x", "a # b",   "X=1 a",
        "cd /tmp",  "exit 3",       "export A=1", "if true",  "! a",   ". ./env", "echo hi",
        "a \"$X\"", "a \"b\\\"c\"", "a 'open",    "a \"open", "a \\",  "a\nb",    "",
        "   ",      "'' a",         "(a)",        "'cd' x",   "time a"}) {
    CAPTURE(text);
    CHECK(command_argv(text) == by_shell(text));
  }
}

TEST_CASE("text that looks like an option of the shell is not taken for one") {
  CHECK(command_argv("-x; exit 3") == by_shell(" -x; exit 3"));
  const auto result = run_tool(command_argv("-c; exit 3"));
  REQUIRE(result);
  CHECK(result->exit_code == 3);
}

TEST_CASE("splitting agrees with the shell, whichever way was taken") {
  test::property("printf prints the same words through command_argv as through sh", [] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::elementOf(std::string("ab'\" \\\t=-$;*#~[x{}!%.")));
    // The shell's own pid, which is another each time: $$ and ${$}.
    RC_PRE(text.find("$$") == std::string::npos && text.find("${$") == std::string::npos);
    const std::string command = "/usr/bin/printf '<%s>' " + text;
    const auto direct = run_tool(command_argv(command));
    const auto shell = run_tool(by_shell(command));
    RC_ASSERT(direct.has_value() && shell.has_value());
    RC_ASSERT(direct->out == shell->out);
    RC_ASSERT(direct->exit_code == shell->exit_code);
  });
}

TEST_CASE("shell_quote survives a shell") {
  CHECK(shell_quote("abc/d.e") == "abc/d.e");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  test::property("sh gives back the word", [] {
    const auto word = *rc::gen::container<std::string>(
        rc::gen::elementOf(std::string("ab'\" \\\t\n=-$;*#~[x{}!%`&|<>")));
    const auto result = run_tool(by_shell("printf %s " + shell_quote(word)));
    RC_ASSERT(result.has_value());
    RC_ASSERT(result->out == word);
  });
}

}  // namespace
}  // namespace darn
