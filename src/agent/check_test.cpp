#include "agent/check.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn {
namespace {

std::string program(const std::string& path, const std::string& body) {
  std::ofstream(path) << "#!/bin/sh\n" << body << "\n";
  ::chmod(path.c_str(), 0755);
  return path;
}

AgentDef agent(const std::string& path) {
  AgentDef def;
  def.name = "x";
  def.source = "darn.toml";
  def.command = {path, "{task_file}"};
  return def;
}

TEST_CASE("a program that answers is fine; its version is its first line") {
  const test::TempDir dir;
  const auto check =
      check_installed(agent(program(dir.path().string() + "/x", "echo x 1.2; echo more")));
  CHECK(check.ok());
  CHECK(check.version == "x 1.2");
  CHECK(check.program == dir.path().string() + "/x");
  CHECK(check.source == "darn.toml");
}

TEST_CASE("what is wrong is said: no program, a bad answer, a bad definition") {
  const test::TempDir dir;
  const auto missing = check_installed(agent("darn-no-such-program"));
  REQUIRE(missing.problems.size() == 1);
  CHECK(missing.problems[0].find("not on PATH") != std::string::npos);
  const auto broken = check_installed(agent(program(dir.path().string() + "/x", "exit 3")));
  REQUIRE(broken.problems.size() == 1);
  CHECK(broken.problems[0].find("exit status 3") != std::string::npos);
  AgentDef odd = agent(program(dir.path().string() + "/y", "echo y"));
  odd.version_command = "'" + dir.path().string() + "/y' version";
  odd.failed_when = {"nonsense"};
  const auto wrong = check_installed(odd);
  REQUIRE(wrong.problems.size() == 1);
  CHECK(wrong.problems[0].find("nonsense") != std::string::npos);
  CHECK(wrong.version == "y");
  CHECK(find_program(dir.path().string()).empty());  // a directory
  CHECK(find_program("sh").ends_with("/sh"));
}

TEST_CASE("keys: whether they are set, never what they are") {
  const test::TempDir dir;
  ::setenv("DARN_TEST_KEY_SET", "sk-very-secret", 1);
  ::unsetenv("DARN_TEST_KEY_UNSET");
  AgentDef def = agent(program(dir.path().string() + "/x", "echo x"));
  def.key_env = "DARN_TEST_KEY_UNSET";
  auto check = check_installed(def);
  CHECK(check.ok());  // it may be logged in
  CHECK(check.remarks.size() == 1);
  def.keys = {"DARN_TEST_KEY_SET", "DARN_TEST_KEY_UNSET"};
  check = check_installed(def);
  using Keys = std::vector<std::pair<std::string, bool>>;
  CHECK(check.keys == Keys{{"DARN_TEST_KEY_SET", true}, {"DARN_TEST_KEY_UNSET", false}});
  REQUIRE(check.problems.size() == 1);
  CHECK(check.problems[0].find("DARN_TEST_KEY_UNSET") != std::string::npos);
  CHECK(check.problems[0].find("secret") == std::string::npos);
}

}  // namespace
}  // namespace darn
