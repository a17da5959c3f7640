#include "agent/invocation.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "agent/template.hpp"
#include "base/text.hpp"

namespace darn {
namespace {

// MAX_ARG_STRLEN of Linux is 128 KiB with the closing NUL; execve says E2BIG (exit 126) beyond it.
constexpr std::size_t kLongestWord = (128U << 10U) - 1;
constexpr std::string_view kOptions = "{options}";
constexpr std::string_view kContextPath = "{context_path}";

constexpr std::array<std::string_view, 10> kKnown = {
    "task",      "task_file", "max_turns", "context_path", "output_file",
    "workspace", "session",   "model",     "id",           "root"};

std::optional<std::string> parameter(const TaskSpec& task, std::string_view name) {
  for (const auto& [key, value] : task.params) {
    if (key == name) {
      return value;
    }
  }
  return std::nullopt;
}

// The value of a name; `context` is the path that {context_path} stands for just now.
std::optional<std::string> value_of(const InvocationInput& in, std::string_view name,
                                    const std::string& context) {
  if (name == "task") {
    return in.prompt;
  }
  if (name == "task_file") {
    return in.task_file;
  }
  if (name == "max_turns") {
    return in.task->max_turns ? std::to_string(*in.task->max_turns) : std::string();
  }
  if (name == "context_path") {
    return context;
  }
  if (name == "output_file") {
    return in.output_file;
  }
  if (name == "workspace") {
    return in.workspace;
  }
  if (name == "session") {
    return in.session;
  }
  if (name == "model") {
    return in.task->model;
  }
  if (name == "id") {
    return in.task->id;
  }
  if (name == "root") {
    return in.root ? "1" : "";
  }
  return parameter(*in.task, name);
}

bool has_value(const InvocationInput& in, const std::string& name) {
  if (name == "context_path") {
    return !in.context_paths.empty();
  }
  return !value_of(in, name, {}).value_or("").empty();
}

tl::unexpected<Error> unknown_name(const InvocationInput& in, Error error) {
  std::vector<std::string> names(kKnown.begin(), kKnown.end());
  for (const auto& [key, value] : in.task->params) {
    names.push_back(key);
  }
  if (error.mend.empty()) {
    error.mend =
        fmt::format("known are {}; a parameter needs a column of that name", join(names, ", "));
  }
  error.message = fmt::format("agent '{}': {}", in.agent->name, error.message);
  return tl::unexpected<Error>(std::move(error));
}

Result<Expanded> fill(const InvocationInput& in, std::string_view text,
                      const std::string& context) {
  auto done = expand(text, [&](std::string_view name) { return value_of(in, name, context); });
  if (!done) {
    return unknown_name(in, std::move(done.error()));
  }
  if (done->text.find('\0') != std::string::npos) {
    return fail(ErrorKind::bad_input,
                fmt::format("agent '{}': '{}' would contain a NUL byte", in.agent->name, text),
                "remove it from the task");
  }
  return done;
}

class Words {
 public:
  explicit Words(const InvocationInput& in) : in_(in) {}

  // `repeat`: an element with {context_path} stands for each path.
  Status add(const std::string& element, bool repeat, const std::string& context = {}) {
    if (!repeat || element.find(kContextPath) == std::string::npos) {
      return word(element, context);
    }
    for (const std::string& path : in_.context_paths) {
      DARN_TRY(word(element, plain(path)));
    }
    return {};
  }

  Status add_options() {
    for (const auto& [name, elements] : in_.agent->options) {
      if (!has_value(in_, name)) {
        continue;
      }
      const auto once = [&, &parts = elements](const std::string& context) -> Status {
        for (const std::string& element : parts) {
          DARN_TRY(add(element, false, context));
        }
        return {};
      };
      if (name != "context_path") {
        DARN_TRY(once({}));
        continue;
      }
      for (const std::string& path : in_.context_paths) {
        DARN_TRY(once(plain(path)));
      }
    }
    return {};
  }

  std::vector<std::string> take() { return std::move(words_); }

 private:
  // A relative path that begins with '-' is no option.
  static std::string plain(const std::string& path) {
    return path.starts_with('-') ? "./" + path : path;
  }

  Status word(const std::string& element, const std::string& context) {
    DARN_ASSIGN(auto done, fill(in_, element, context));
    const auto refuse = [&](const char* why) {
      return fail(ErrorKind::bad_input,
                  fmt::format("agent '{}': '{}' {}", in_.agent->name, element, why),
                  "give the prompt by stdin = \"{task}\" or as \"{task_file}\" in the agent's "
                  "definition");
    };
    if (done.text.size() > kLongestWord) {
      return refuse("does not fit an argument (128 KiB)");
    }
    const bool plain_words = std::find(words_.begin(), words_.end(), "--") != words_.end();
    if (done.begins_named && done.text.starts_with('-') && !plain_words) {
      return refuse("would begin with '-' and be taken for an option");
    }
    words_.push_back(std::move(done.text));
    return {};
  }

  const InvocationInput& in_;
  std::vector<std::string> words_;
};

Result<std::vector<std::string>> make_argv(const InvocationInput& in,
                                           const std::vector<std::string>& command) {
  Words words(in);
  bool placed = false;
  for (const std::string& element : command) {
    if (element == kOptions) {
      DARN_TRY(words.add_options());
      placed = true;
    } else {
      DARN_TRY(words.add(element, true));
    }
  }
  if (!placed) {
    DARN_TRY(words.add_options());
  }
  return words.take();
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

bool running_as_root() { return ::geteuid() == 0; }

Result<Invocation> make_invocation(const InvocationInput& in) {
  const AgentDef& agent = *in.agent;
  Invocation made;
  made.resumed = !in.session.empty() && !agent.resume.empty();
  const auto& command = made.resumed ? agent.resume : agent.command;
  if (command.empty()) {
    return fail(ErrorKind::config, fmt::format("agent '{}' has no command", agent.name),
                "command = [\"program\", \"argument\", …]");
  }
  DARN_ASSIGN(made.argv, make_argv(in, command));
  if (in.task->workspace != WorkspaceMode::none && !in.workspace.empty()) {
    made.env.emplace_back("GIT_CEILING_DIRECTORIES", parent_of(in.workspace));
  }
  for (const auto& [name, text] : agent.env) {
    DARN_ASSIGN(auto done, fill(in, text, join(in.context_paths, ":")));
    if (done.any_name && done.text.empty()) {
      continue;
    }
    made.env.emplace_back(name, std::move(done.text));
  }
  auto input = expand(agent.stdin_text, [&](std::string_view name) {
    return value_of(in, name, join(in.context_paths, "\n"));
  });
  if (!input) {
    return unknown_name(in, std::move(input.error()));
  }
  made.stdin_text = std::move(input->text);
  return made;
}

}  // namespace darn
