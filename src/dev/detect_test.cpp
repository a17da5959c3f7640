#include "dev/detect.hpp"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

namespace darn::dev {
namespace {

struct Seen {
  Detected detected;
  DevEntries read;  // what was written, as the reader has it

  std::string run(const std::string& name) const {
    const DevEntry* entry = find_entry(read, name);
    return entry == nullptr ? "(none)" : entry->run;
  }
  std::string steps(const std::string& name) const {
    const DevEntry* entry = find_entry(read, name);
    std::string all;
    for (const std::string& step : entry == nullptr ? std::vector<std::string>() : entry->steps) {
      all += step + " ";
    }
    return all;
  }
  std::string fallback(const std::string& name) const { return find_entry(read, name)->fallback; }
};

Seen see(const Files& files) {
  auto detected = detect(files);
  REQUIRE_MESSAGE(detected, detected.error().text());
  const std::string text = to_toml(detected->entries);
  const auto document = ConfigDocument::from_toml(text, "darn.toml");
  REQUIRE_MESSAGE(document, text);
  const auto read = read_dev(*document, ErrorKind::config);
  REQUIRE_MESSAGE(read, read.error().text() << "\n" << text);
  CHECK(read->size() == detected->entries.size());
  for (std::size_t i = 0; i < read->size(); ++i) {
    CHECK((*read)[i].run == detected->entries[i].run);
    CHECK((*read)[i].fallback_on == detected->entries[i].fallback_on);
  }
  return {*detected, *read};
}

TEST_CASE("Python: tools by what its files mention") {
  Seen s = see({{"pyproject.toml",
                 "[project]\nname = 'p'\n[project.optional-dependencies]\n"
                 "dev = ['ruff', 'pytest', 'pytest-cov']  # no mypy\n"},
                {"tests/test_a.py", "def test_a(): pass\n"}});
  CHECK(s.detected.languages == std::vector<std::string>{"Python (pyproject.toml)"});
  CHECK(s.run("setup") == "python3 -m pip install -e '.[dev]'");
  CHECK(find_entry(s.read, "setup")->retries == 3);
  CHECK(s.run("lint") == "ruff check .");
  CHECK(s.run("format-check") == "ruff format --check .");
  CHECK(s.run("typecheck") == "(none)");
  CHECK(s.run("test") == "python3 -m pytest");
  CHECK(s.run("test-fast") == "python3 -m pytest -x");
  CHECK(s.run("test-cov") == "python3 -m pytest --cov");
  CHECK(s.fallback("test").empty());
  CHECK(s.steps("quality") == "format-check lint ");
  CHECK(s.steps("quality-fix") == "format lint-fix ");
  CHECK(s.steps("dev-check") == "quality test-fast ");
  CHECK(s.steps("check-all") == "quality test ");

  s = see({{"pyproject.toml", "[tool.mypy]\nfiles = ['src']\n[tool.black]\n[tool.ruff]\n"},
           {"uv.lock", ""},
           {"tests/unit/test_a.py", "import pytest\n"},
           {"tests/integration/test_b.py", "import pytest\n"}});
  CHECK(s.run("setup") == "uv sync");
  CHECK(s.run("format") == "uv run black .");
  CHECK(s.run("typecheck") == "uv run mypy");
  CHECK(s.run("test") == "uv run pytest");
  CHECK(s.run("test-fast") == "uv run pytest tests/unit");
  CHECK(s.fallback("test") == "test-fast");

  s = see({{"requirements.txt", "pyright\npytest\n"},
           {"requirements-dev.txt", "flake8\n"},
           {"test_a.py", "@pytest.mark.integration\n"}});
  CHECK(s.run("setup") == "python3 -m pip install -r requirements.txt -r requirements-dev.txt");
  CHECK(s.run("lint") == "flake8");
  CHECK(s.run("typecheck") == "pyright");
  CHECK(s.run("test-fast") == "python3 -m pytest -m 'not integration'");
  CHECK(s.fallback("test") == "test-fast");

  s = see({{"setup.py", ""}, {"tests/test_a.py", "import unittest\n"}});
  CHECK(s.run("test") == "python3 -m unittest discover -s tests");
  CHECK(s.steps("dev-check") == "test ");
  s = see({{"pyproject.toml", "[tool.poetry]\nname = 'p'\n"}});
  CHECK(s.run("setup") == "poetry install");
  CHECK(s.run("test") == "(none)");
}

TEST_CASE("Node: the project's own scripts first") {
  Seen s = see({{"package.json", R"({"scripts": {"lint": "x", "lint:fix": "x", "test": "x"},
                                     "devDependencies": {"eslint": "1", "prettier": "1",
                                                         "typescript": "1"}})"},
                {"package-lock.json", ""},
                {"tsconfig.json", ""}});
  CHECK(s.run("setup") == "npm ci");
  CHECK(s.run("lint") == "npm run lint");
  CHECK(s.run("lint-fix") == "npm run lint:fix");
  CHECK(s.run("format") == "npx --no-install prettier --write .");
  CHECK(s.run("typecheck") == "npx --no-install tsc --noEmit");
  CHECK(s.run("test") == "npm run test -- \"$@\"");
  CHECK(s.run("test-fast") == "(none)");

  s = see({{"package.json", R"({"scripts": {"test:unit": "x", "test:integration": "x"},
                                "devDependencies": {"eslint": "1"}})"},
           {"pnpm-lock.yaml", ""}});
  CHECK(s.run("setup") == "pnpm install --frozen-lockfile");
  CHECK(s.run("lint") == "pnpm exec eslint .");
  CHECK(s.run("test") == "pnpm run test:unit && pnpm run test:integration");
  CHECK(s.fallback("test") == "test-fast");

  s = see({{"package.json", R"({"scripts": {"test": "echo \"Error: no test specified\" && exit 1"},
                                "devDependencies": {"jest": "1"}, "packageManager": "yarn@4"})"}});
  CHECK(s.run("setup") == "yarn install");
  CHECK(s.run("test") == "yarn run jest");
  CHECK(see({{"package.json", R"({"scripts": 5, "dependencies": []})"}}).run("lint") == "(none)");
}

TEST_CASE("Rust and Go") {
  Seen s = see({{"Cargo.toml", "[package]\n"},
                {"src/lib.rs", ""},
                {"tests/a.rs", ""},
                {".github/workflows/ci.yml", "run: cargo llvm-cov\n"}});
  CHECK(s.run("test") == "cargo test");
  CHECK(s.run("test-fast") == "cargo test --lib --bins");
  CHECK(s.fallback("test") == "test-fast");
  CHECK(s.run("test-cov") == "cargo llvm-cov");
  s = see({{"Cargo.toml", "[workspace]\n"}, {"Cargo.lock", ""}});
  CHECK(s.run("setup") == "cargo fetch --locked");
  CHECK(s.run("lint") == "cargo clippy --workspace --all-targets -- -D warnings");
  CHECK(s.run("test-fast") == "(none)");
  CHECK(s.run("test-cov") == "(none)");

  s = see({{"go.mod", ""}, {"a_test.go", "package a\n"}});
  CHECK(s.run("lint") == "go vet ./...");
  CHECK(s.run("test") == "go test ./...");
  CHECK(s.run("test-race") == "go test -race ./...");
  CHECK(s.run("test-fast") == "(none)");
  s = see({{"go.mod", ""}, {".golangci.yml", ""}, {"x/a_test.go", "//go:build integration\n"}});
  CHECK(s.run("lint") == "golangci-lint run");
  CHECK(s.run("typecheck") == "go vet ./...");
  CHECK(s.run("test") == "go test -tags=integration ./...");
  CHECK(s.run("test-fast") == "go test -short ./...");
  CHECK(s.fallback("test") == "test-fast");
}

TEST_CASE("C++ with CMake: a preset if there is one") {
  const std::string top = "project(p)\nenable_testing()\n";
  Seen s = see({{"CMakeLists.txt", top}, {".git", ""}, {".clang-format", ""}, {".clang-tidy", ""}});
  CHECK(s.run("setup") == "cmake -S . -B build");
  CHECK(s.run("test") ==
        "cmake -S . -B build && cmake --build build -j \"$(nproc)\" && "
        "ctest --test-dir build --output-on-failure");
  CHECK(s.run("format").starts_with("git ls-files -z '*.c'"));
  CHECK(s.run("lint-fix").ends_with("run-clang-tidy -quiet -p build -fix"));
  CHECK(s.steps("dev-check") == "quality test ");
  CHECK(see({{"CMakeLists.txt", "add_library(x x.cpp)\n"}}).detected.languages.empty());
  CHECK(see({{"CMakeLists.txt", "project(p)\n"}}).run("test") == "(none)");

  s = see({{"CMakeLists.txt", top},
           {"tests/CMakeLists.txt", "set_tests_properties(a PROPERTIES LABELS \"integration\")\n"},
           {"CMakePresets.json", R"({"configurePresets": [
               {"name": "base", "hidden": true, "binaryDir": "${sourceDir}/out/${presetName}"},
               {"name": "ci", "inherits": "base"}, {"name": "dev", "inherits": ["base"]}],
             "testPresets": [{"name": "t", "configurePreset": "dev"}]})"}});
  CHECK(s.run("setup") == "cmake --preset dev");
  CHECK(s.run("build") == "cmake --preset dev && cmake --build out/dev -j \"$(nproc)\"");
  CHECK(s.run("test").ends_with(" && ctest --preset t --output-on-failure"));
  CHECK(s.run("test-fast").ends_with(" -LE integration"));
  CHECK(s.fallback("test") == "test-fast");

  s = see({{"CMakeLists.txt", top}, {"CMakePresets.json", R"({"configurePresets": [
               {"name": "a-b", "inherits": ["x", 5, "y"]}, {"name": "x", "inherits": "a-b"},
               {"name": "y", "hidden": true, "binaryDir": "${sourceDir}/b/${presetName}/c d"}]})"}});
  CHECK(s.run("build") == "cmake --preset a-b && cmake --build 'b/a-b/c d' -j \"$(nproc)\"");

  s = see(
      {{"CMakeLists.txt", top},
       {"CMakePresets.json", R"json({"configurePresets": [5, {"name": "-x"}, {"name": "a\u0000"},
               {"name": "x'; rm -rf $(y)", "inherits": "x'; rm -rf $(y)"}]})json"}});
  CHECK(s.run("setup") == "cmake --preset 'x'\\''; rm -rf $(y)' -B build");
  CHECK(see({{"CMakeLists.txt", top}, {"CMakePresets.json", "{}"}}).run("setup") ==
        "cmake -S . -B build");
}

TEST_CASE("several languages: sequences of suffixed names") {
  const Seen s = see({{"pyproject.toml", "[tool.ruff]\n"},
                      {"tests/unit/test_a.py", ""},
                      {"tests/integration/test_a.py", ""},
                      {"package.json", R"({"scripts": {"lint": "x", "test": "x"}})"}});
  CHECK(s.detected.languages.size() == 2);
  CHECK(s.steps("lint") == "lint-python lint-node ");
  CHECK(s.steps("test") == "test-python test-node ");
  CHECK(s.run("format") == "ruff format .");
  CHECK(s.fallback("test-python") == "test-fast");
  CHECK(s.run("test-fast") == "python3 -m pytest tests/unit");
  CHECK(s.steps("dev-check") == "quality test-fast test-node ");
}

TEST_CASE("what cannot be read is said") {
  const auto error = [](const Files& files) { return detect(files).error().text(); };
  CHECK(error({{"package.json", "{"}}) == "package.json: is no JSON object; mend it first");
  CHECK(error({{"pyproject.toml", "a = \n"}}).starts_with("pyproject.toml:1:"));
  CHECK(error({{"CMakeLists.txt", "project(p)"}, {"CMakePresets.json", "[]"}})
            .starts_with("CMakePresets.json: "));
  CHECK(detect({{"README.md", ""}})->languages.empty());
}

TEST_CASE("a directory is looked at, but for what tools put there") {
  const test::TempDir dir;
  for (const char* file : {"go.mod", "a/b_test.go", "node_modules/x/package.json", "build/a.txt",
                           ".github/workflows/ci.yml", ".venv/x.py", "1/2/3/4/5/6.go"}) {
    std::filesystem::create_directories((dir.path() / file).parent_path());
    std::ofstream(dir.path() / file) << "text";
  }
  std::filesystem::create_directory_symlink("..", dir.path() / "a" / "up");
  const Files files = look_at(dir.path().string());
  CHECK(files ==
        Files{{"go.mod", ""}, {"a/b_test.go", "text"}, {".github/workflows/ci.yml", "text"}});
}

}  // namespace
}  // namespace darn::dev
