#include "config/dev.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "config/readers.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMost = 1000;  // also bounds how deep sequences nest
constexpr std::size_t kLongestName = 60;

bool is_entry_name(std::string_view name) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kAll = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  return !name.empty() && name.size() <= kLongestName &&
         kFirst.find(name[0]) != std::string_view::npos &&
         name.find_first_not_of(kAll) == std::string_view::npos;
}

Setter into_command(std::string& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(out, node.text());
    if (!node.json().is_string() || trim(out).empty()) {
      return node.error("no command", "give a text that sh can run");
    }
    return {};
  };
}

Setter into_steps(std::vector<std::string>& out) {
  return [&out](const Node& node) -> Status {
    DARN_TRY(into(out)(node));
    if (out.empty()) {
      return node.error("an empty sequence", "give the names of other entries");
    }
    return {};
  };
}

Setter into_retry_on(std::vector<RetryOn>& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(const std::vector<Node> items, node.items());
    for (const Node& item : items) {
      DARN_ASSIGN(const std::string text, item.text());
      auto on = parse_retry_on(text);
      if (!on) {
        return item.placed(std::move(on.error()));
      }
      out.push_back(std::move(*on));
    }
    return {};
  };
}

Setter into_categories(std::vector<Category>& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(const std::vector<Node> items, node.items());
    for (const Node& item : items) {
      DARN_TRY(into_kind<Category>(out.emplace_back(), category_words())(item));
    }
    return {};
  };
}

// Of a breaker or a budget; as exec has it.
Setter into_shared_name(std::string& out) {
  return [&out](const Node& node) -> Status {
    DARN_ASSIGN(out, node.text());
    if (out.empty() || out.size() > 100 || printable(out) != out ||
        out.find_first_of("\t\n") != std::string::npos) {
      return node.error(quote(out) + " is no name", "up to 100 printable characters");
    }
    return {};
  };
}

Status read_entry_table(const Node& node, DevEntry& entry) {
  DARN_TRY(read_table(node, {{"run", into_command(entry.run)},
                             {"steps", into_steps(entry.steps)},
                             {"help", into(entry.help)},
                             {"retries", into(entry.retries, 0, 1000)},
                             {"backoff", into(entry.backoff)},
                             {"timeout", into(entry.timeout)},
                             {"deadline", into(entry.deadline)},
                             {"retry_on", into_retry_on(entry.retry_on)},
                             {"fallback", into(entry.fallback)},
                             {"fallback_on", into_categories(entry.fallback_on)},
                             {"breaker", into_shared_name(entry.breaker)},
                             {"budget", into_shared_name(entry.budget)}}));
  if (entry.run.empty() == entry.steps.empty()) {
    return node.error(
        fmt::format("{} has {}", quote(entry.name),
                    entry.run.empty() ? "neither 'run' nor 'steps'" : "both 'run' and 'steps'"),
        "give one of the two: a command or names of other entries");
  }
  if (entry.fallback.empty() && !entry.fallback_on.empty()) {
    return node.child("fallback_on")
        .key_error("'fallback_on' without a fallback", "add fallback = \"NAME\"");
  }
  if (!entry.steps.empty()) {
    for (const std::string& key : node.keys()) {
      if (key != "steps" && key != "help") {
        return node.child(key).key_error(quote(key) + " is of commands, and this is a sequence",
                                         "give it to its steps");
      }
    }
  }
  return {};
}

Result<DevEntry> read_entry(const Node& node) {
  DevEntry entry;
  entry.name = node.name();
  if (!is_entry_name(entry.name)) {
    return node.key_error(quote(entry.name) + " is no name for a command",
                          "small letters, digits, '-' and '_', up to 60, no '-' or '_' first");
  }
  const nlohmann::json& value = node.json();
  if (value.is_string()) {
    DARN_TRY(into_command(entry.run)(node));
  } else if (value.is_array()) {
    DARN_TRY(into_steps(entry.steps)(node));
  } else if (value.is_object()) {
    DARN_TRY(read_entry_table(node, entry));
  } else {
    return node.error(quote(entry.name) + " is no command",
                      "give a command, a list of names, or a table with 'run' or 'steps'");
  }
  return entry;
}

// What entries say of each other.
class Links {
 public:
  Links(const Node& dev, const DevEntries& entries) : dev_(dev) {
    for (const DevEntry& entry : entries) {
      names_.push_back(entry.name);
      by_name_[entry.name] = &entry;
    }
  }

  Status check() {
    for (const std::string& name : names_) {
      DARN_TRY(check(*by_name_[name]));
    }
    for (const std::string& name : names_) {
      DARN_TRY(follow(*by_name_[name]));
    }
    return {};
  }

 private:
  // The names that an entry gives, with where it does.
  std::vector<std::pair<std::string, Node>> given(const DevEntry& entry) const {
    std::vector<std::pair<std::string, Node>> all;
    const Node node = dev_.child(entry.name);
    if (!entry.fallback.empty()) {
      all.emplace_back(entry.fallback, node.child("fallback"));
    }
    const Node steps = node.json().is_array() ? node : node.child("steps");
    for (std::size_t i = 0; i < entry.steps.size(); ++i) {
      const bool list = steps.json().is_array();
      all.emplace_back(entry.steps[i], list ? steps.child(std::to_string(i)) : steps);
    }
    return all;
  }

  Status check(const DevEntry& entry) {
    for (const auto& [name, node] : given(entry)) {
      const auto other = by_name_.find(name);
      if (other == by_name_.end()) {
        const std::string near = nearest(name, names_);
        return node.error("no " + quote(name) + " in [dev]", near.empty()
                                                                 ? "add it, or take it out here"
                                                                 : "did you mean '" + near + "'?");
      }
      if (!entry.fallback.empty() && !other->second->steps.empty()) {
        return node.error("the fallback " + quote(name) + " is a sequence", "name a command");
      }
    }
    return {};
  }

  Status follow(const DevEntry& entry) {
    path_.push_back(entry.name);
    for (const auto& [name, node] : given(entry)) {
      const auto begin = std::find(path_.begin(), path_.end(), name);
      if (begin != path_.end()) {
        return node.error(
            fmt::format("a cycle: {} -> {}", fmt::join(begin, path_.end(), " -> "), name),
            "take one of them out");
      }
      if (done_.count(name) == 0) {
        DARN_TRY(follow(*by_name_[name]));
      }
    }
    path_.pop_back();
    done_.insert(entry.name);
    return {};
  }

  Node dev_;
  std::vector<std::string> names_;
  std::map<std::string, const DevEntry*> by_name_;
  std::vector<std::string> path_;
  std::set<std::string> done_;
};

void flatten_into(const DevEntries& entries, const std::string& name, std::set<std::string>& seen,
                  std::vector<const DevEntry*>& commands) {
  if (!seen.insert(name).second) {
    return;
  }
  const DevEntry* entry = find_entry(entries, name);
  if (entry->steps.empty()) {
    commands.push_back(entry);
  }
  for (const std::string& step : entry->steps) {
    flatten_into(entries, step, seen, commands);
  }
}

}  // namespace

const DevEntry* find_entry(const DevEntries& entries, std::string_view name) {
  const auto it = std::find_if(entries.begin(), entries.end(),
                               [&](const DevEntry& entry) { return entry.name == name; });
  return it == entries.end() ? nullptr : &*it;
}

Result<DevEntries> read_dev(const ConfigDocument& document, ErrorKind kind) {
  DevEntries entries;
  const Node root(document, "", kind);
  if (!root.has("dev")) {
    return entries;
  }
  const Node dev = root.child("dev");
  if (!dev.json().is_object()) {
    return dev.error("'dev' is no table", "write [dev] and below it NAME = \"COMMAND\"");
  }
  const std::vector<std::string> names = dev.keys();
  if (names.size() > kMost) {
    return dev.error(fmt::format("more than {} entries", kMost), "a sequence may be a script");
  }
  for (const std::string& name : names) {
    DARN_ASSIGN(DevEntry entry, read_entry(dev.child(name)));
    entries.push_back(std::move(entry));
  }
  DARN_TRY(Links(dev, entries).check());
  return entries;
}

std::vector<const DevEntry*> flatten(const DevEntries& entries,
                                     const std::vector<std::string>& names) {
  std::set<std::string> seen;
  std::vector<const DevEntry*> commands;
  for (const std::string& name : names) {
    flatten_into(entries, name, seen, commands);
  }
  return commands;
}

std::string find_project(const std::string& from) {
  std::error_code ignored;
  for (fs::path dir = from;; dir = dir.parent_path()) {
    if (fs::exists(dir / "darn.toml", ignored)) {
      return dir.string();
    }
    if (fs::exists(dir / ".git", ignored) || dir == dir.parent_path()) {
      return {};
    }
  }
}

}  // namespace darn
