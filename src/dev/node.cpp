// JavaScript and TypeScript: the project's own scripts first.
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "dev/language.hpp"

namespace darn::dev {
namespace {

using Json = nlohmann::json;

struct Manager {
  std::string name;
  std::string script;   // runs one of package.json
  std::string program;  // runs one of node_modules
  std::string lock;
  std::string install;
};

Manager manager_of(const Files& files, const Json& package) {
  const auto field = package.find("packageManager");
  const std::string asked =
      field != package.end() && field->is_string() ? field->get<std::string>() : "";
  const auto is = [&](const char* lock, const char* begin) {
    return has(files, lock) || asked.starts_with(begin);
  };
  const auto locked = [&](const std::string& lock, const char* with, const char* without) {
    return has(files, lock) ? std::string(with) : std::string(without);
  };
  if (is("pnpm-lock.yaml", "pnpm@")) {
    return {"pnpm", "pnpm run ", "pnpm exec ", "pnpm-lock.yaml",
            locked("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm install")};
  }
  if (is("yarn.lock", "yarn@")) {
    const char* frozen =
        has(files, ".yarnrc.yml") ? "yarn install --immutable" : "yarn install --frozen-lockfile";
    return {"yarn", "yarn run ", "yarn run ", "yarn.lock",
            locked("yarn.lock", frozen, "yarn install")};
  }
  return {"npm", "npm run ", "npx --no-install ", "package-lock.json",
          locked("package-lock.json", "npm ci", "npm install")};
}

class Package {
 public:
  Package(const Json& json, const Manager& manager) : json_(json), manager_(manager) {}

  bool uses(const char* package) const {
    return in("devDependencies", package) || in("dependencies", package);
  }
  // The command for the first of these scripts that is there; empty: none is.
  std::string script(const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      if (in("scripts", name) && json_["scripts"][name].is_string() &&
          json_["scripts"][name].get<std::string>().find("no test specified") ==
              std::string::npos) {
        return manager_.script + name;
      }
    }
    return "";
  }
  // npm takes arguments for itself unless they stand behind a "--".
  std::string with_arguments(const std::string& command) const {
    return manager_.name == "npm" && command.starts_with(manager_.script) ? command + " -- \"$@\""
                                                                          : command;
  }
  std::string program(const char* package, const std::string& command) const {
    return uses(package) ? manager_.program + command : "";
  }

 private:
  bool in(const char* table, const std::string& key) const {
    const auto it = json_.find(table);
    return it != json_.end() && it->is_object() && it->contains(key);
  }

  const Json& json_;
  const Manager& manager_;
};

std::string either(std::string one, std::string other) {
  return one.empty() ? std::move(other) : std::move(one);
}

}  // namespace

Found node(const Files& files) {
  if (!has(files, "package.json")) {
    return std::nullopt;
  }
  DARN_ASSIGN(const Json json, json_of(files, "package.json"));
  const Manager manager = manager_of(files, json);
  const Package package(json, manager);
  Language l{"node", "Node", {"package.json"}, {}};
  if (has(files, manager.lock)) {
    l.proofs.push_back(manager.lock);
  }
  const auto add = [&](const char* name, const std::string& run) {
    if (!run.empty()) {
      l.add(name, run);
    }
  };
  l.add_setup(manager.install);
  add("build", package.script({"build"}));
  add("lint", either(package.script({"lint"}), package.program("eslint", "eslint .")));
  add("lint-fix", either(package.script({"lint:fix", "lint-fix"}),
                         package.program("eslint", "eslint --fix .")));
  add("format", either(package.script({"format", "fmt", "format:fix", "prettier"}),
                       package.program("prettier", "prettier --write .")));
  add("format-check",
      either(package.script({"format:check", "format-check", "check:format", "prettier:check"}),
             package.program("prettier", "prettier --check .")));
  add("typecheck",
      either(package.script({"typecheck", "type-check", "check-types", "types:check", "tsc"}),
             has(files, "tsconfig.json") ? package.program("typescript", "tsc --noEmit") : ""));

  const std::string fast = package.script({"test:unit", "test-unit", "unit", "test:fast"});
  const std::string slow = package.script({"test:integration", "integration", "test:e2e", "e2e"});
  const std::string all =
      either(package.script({"test"}),
             either(package.program("vitest", "vitest run"), package.program("jest", "jest")));
  const bool apart = !fast.empty() && !slow.empty();
  add("test", !all.empty() ? package.with_arguments(all) : apart ? fast + " && " + slow : "");
  if (apart) {
    falls_back(l.entries.back());
  }
  add("test-fast", package.with_arguments(fast));
  add("test-cov", either(package.script({"test:coverage", "test:cov", "coverage"}),
                         either(package.program("vitest", "vitest run --coverage"),
                                package.program("jest", "jest --coverage"))));
  return l;
}

}  // namespace darn::dev
