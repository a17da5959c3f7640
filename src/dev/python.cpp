#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "config/config.hpp"
#include "dev/language.hpp"

namespace darn::dev {
namespace {

using namespace nlohmann::literals;

bool is_test(std::string_view name) {
  return name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"));
}

bool is_conftest(std::string_view name) { return name == "conftest.py"; }
bool is_any_test(std::string_view name) { return is_test(name) || is_conftest(name); }

// All that says which tools are used.
std::string settings(const Files& files) {
  std::string all;
  for (const auto& [path, text] : files) {
    const bool named = path == "pyproject.toml" || path == "setup.py" || path == "setup.cfg" ||
                       path == "tox.ini" || path == "noxfile.py" || path == "Pipfile" ||
                       path == ".pre-commit-config.yaml";
    const bool required = path.find('/') == std::string::npos &&
                          path.find("requirements") != std::string::npos && path.ends_with(".txt");
    all += named || required ? text + "\n" : "";
  }
  return all;
}

// "python3 -m pip install …"; empty: nothing is to be installed.
std::string install(const Files& files, const nlohmann::json& project) {
  std::string what;
  if (project.contains("project") || project.contains("build-system") || has(files, "setup.py")) {
    const auto known = "/project/optional-dependencies"_json_pointer;
    std::vector<std::string> extras;
    for (const char* const extra : {"dev", "test", "tests", "lint"}) {
      if (project.contains(known / extra)) {
        extras.emplace_back(extra);
      }
    }
    what += extras.empty() ? " -e ." : " -e '.[" + join(extras, ",") + "]'";
  }
  for (const char* const file : {"requirements.txt", "requirements-dev.txt", "requirements_dev.txt",
                                 "dev-requirements.txt", "requirements-test.txt"}) {
    what += has(files, file) ? " -r " + std::string(file) : "";
  }
  return what.empty() ? "" : "python3 -m pip install" + what;
}

void add_tests(Language& l, const Files& files, const std::string& used,
               const std::string& runner) {
  const bool tests = any(files, "", is_test);
  const bool by_pytest = mentions(used, "pytest") || has(files, "pytest.ini") ||
                         any(files, "", is_conftest) || any_text(files, is_test, "pytest") ||
                         !any_text(files, is_test, "unittest");
  if (!by_pytest || !(tests || mentions(used, "pytest"))) {
    if (tests) {
      const bool folder = any(files, "tests/", is_test);
      l.add("test", runner + "python3 -m unittest discover" + (folder ? " -s tests" : ""));
    }
    return;
  }
  const std::string pytest = runner.empty() ? "python3 -m pytest" : runner + "pytest";
  std::string fast = pytest + " -x";  // at least until the first failure only
  bool apart = true;
  if (any(files, "tests/unit/", is_test) && any(files, "tests/integration/", is_test)) {
    fast = pytest + " tests/unit";
  } else if (any_text(files, is_any_test, "mark.integration")) {
    fast = pytest + " -m 'not integration'";
  } else {
    apart = false;
    if (any_text(files, is_any_test, "mark.slow")) {
      fast = pytest + " -m 'not slow'";
    }
  }
  DevEntry& test = l.add("test", pytest);
  if (apart) {
    falls_back(test);
  }
  l.add("test-fast", fast);
  if (used.find("pytest-cov") != std::string::npos) {
    l.add("test-cov", pytest + " --cov");
  } else if (mentions(used, "coverage")) {
    l.add("test-cov", runner + "coverage run -m pytest && " + runner + "coverage report");
  }
}

}  // namespace

Found python(const Files& files) {
  const std::string proof =
      first_of(files, {"pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"});
  if (proof.empty()) {
    return std::nullopt;
  }
  DARN_ASSIGN(const ConfigDocument pyproject,
              ConfigDocument::from_toml(text_of(files, "pyproject.toml"), "pyproject.toml"));
  const nlohmann::json& project = pyproject.root();
  Language l{"python", "Python", {proof}, {}};
  const std::string used = settings(files);
  std::string runner;
  std::string setup = install(files, project);
  if (has(files, "uv.lock")) {
    runner = "uv run ";
    setup = "uv sync";
    l.proofs.emplace_back("uv.lock");
  } else if (has(files, "poetry.lock") ||
             (project.contains("/tool/poetry"_json_pointer) && !project.contains("project"))) {
    runner = "poetry run ";
    setup = "poetry install";
    l.proofs.emplace_back("poetry");
  }
  if (!setup.empty()) {
    l.add_setup(setup);
  }
  const bool ruff = mentions(used, "ruff") || !first_of(files, {"ruff.toml", ".ruff.toml"}).empty();
  if (ruff) {
    l.add("lint", runner + "ruff check .");
    l.add("lint-fix", runner + "ruff check --fix .");
  } else if (mentions(used, "flake8") || has(files, ".flake8")) {
    l.add("lint", runner + "flake8");
  }
  if (mentions(used, "black")) {
    l.add("format", runner + "black .");
    l.add("format-check", runner + "black --check .");
  } else if (ruff) {
    l.add("format", runner + "ruff format .");
    l.add("format-check", runner + "ruff format --check .");
  }
  if (mentions(used, "mypy") || !first_of(files, {"mypy.ini", ".mypy.ini"}).empty()) {
    const bool told = project.contains("/tool/mypy/files"_json_pointer) ||
                      project.contains("/tool/mypy/packages"_json_pointer);
    l.add("typecheck", runner + (told ? "mypy" : "mypy ."));
  } else if (mentions(used, "pyright") || has(files, "pyrightconfig.json")) {
    l.add("typecheck", runner + "pyright");
  }
  add_tests(l, files, used, runner);
  return l;
}

}  // namespace darn::dev
