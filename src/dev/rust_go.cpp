// Rust and Go: their tools are the same in every project.
#include <re2/re2.h>

#include "dev/language.hpp"

namespace darn::dev {
namespace {

bool is_rust(std::string_view name) { return name.ends_with(".rs"); }
bool is_go_test(std::string_view name) { return name.ends_with("_test.go"); }

// What builds and tests are started by elsewhere.
bool is_recipe(std::string_view name) {
  return name == "Makefile" || name == "justfile" || name.ends_with(".yml") ||
         name.ends_with(".yaml") || name == "Cargo.toml" || name == "config.toml";
}

}  // namespace

Found rust(const Files& files) {
  if (!has(files, "Cargo.toml")) {
    return std::nullopt;
  }
  Language l{"rust", "Rust", {"Cargo.toml"}, {}};
  const bool many = text_of(files, "Cargo.toml").find("[workspace]") != std::string_view::npos;
  const std::string all = many ? " --workspace" : "";
  l.add_setup(has(files, "Cargo.lock") ? "cargo fetch --locked" : "cargo fetch");
  l.add("build", "cargo build" + all);
  l.add("format", many ? "cargo fmt --all" : "cargo fmt");
  l.add("format-check", many ? "cargo fmt --all --check" : "cargo fmt --check");
  l.add("lint", "cargo clippy" + all + " --all-targets -- -D warnings");
  l.add("lint-fix", "cargo clippy" + all + " --all-targets --fix --allow-dirty --allow-staged");
  l.add("typecheck", "cargo check" + all + " --all-targets");
  DevEntry& test = l.add("test", "cargo test" + all);
  if (has(files, "src/lib.rs") || has(files, "src/main.rs")) {
    if (any(files, "tests/", is_rust)) {  // integration tests have a folder of their own
      falls_back(test);
    }
    l.add("test-fast", has(files, "src/lib.rs") ? "cargo test --lib --bins" : "cargo test --bins");
  }
  if (any_text(files, is_recipe, "llvm-cov")) {
    l.add("test-cov", "cargo llvm-cov" + all);
  }
  return l;
}

Found go(const Files& files) {
  if (!has(files, "go.mod")) {
    return std::nullopt;
  }
  Language l{"go", "Go", {"go.mod"}, {}};
  l.add_setup("go mod download");
  l.add("build", "go build ./...");
  l.add("format", "gofmt -w .");
  l.add("format-check",
        "files=$(gofmt -l .) && test -z \"$files\" || { echo \"$files\"; exit 1; }");
  const std::string config =
      first_of(files, {".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"});
  if (!config.empty()) {
    l.proofs.push_back(config);
    l.add("lint", "golangci-lint run");
    l.add("lint-fix", "golangci-lint run --fix");
    l.add("typecheck", "go vet ./...");
  } else {
    l.add("lint", "go vet ./...");
  }
  static const RE2 kIntegration("(?m)^//go:build\\s+integration\\s*$");
  bool apart = false;
  for (const auto& [path, text] : files) {
    apart = apart || (is_go_test(base_name(path)) && RE2::PartialMatch(text, kIntegration));
  }
  const std::string tags = apart ? " -tags=integration" : "";
  DevEntry& test = l.add("test", "go test" + tags + " ./...");
  if (apart) {
    falls_back(test);
  }
  if (apart || any_text(files, is_go_test, "testing.Short()")) {
    l.add("test-fast", "go test -short ./...");
  }
  l.add("test-race", "go test -race" + tags + " ./...");
  l.add("test-cov", "go test -cover" + tags + " ./...");
  return l;
}

}  // namespace darn::dev
