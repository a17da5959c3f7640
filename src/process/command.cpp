#include "process/command.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace darn {
namespace {

// Words that a shell understands itself when they stand first, and that no program of that name
// does in quite the same way. `true`, `false`, `test` and `[` are left out: programs do.
constexpr std::array<std::string_view, 72> kShellWords = {
    "!",        "{",       "}",        "case",    "do",      "done",   "elif",    "else",
    "esac",     "fi",      "for",      "if",      "in",      "then",   "until",   "while",
    "function", "select",  "time",     "coproc",  "[[",      "]]",     ".",       ":",
    "alias",    "bg",      "bind",     "break",   "builtin", "caller", "cd",      "chdir",
    "command",  "compgen", "continue", "declare", "dirs",    "disown", "echo",    "enable",
    "eval",     "exec",    "exit",     "export",  "fc",      "fg",     "getopts", "hash",
    "history",  "jobs",    "kill",     "let",     "local",   "popd",   "printf",  "pushd",
    "pwd",      "read",    "readonly", "return",  "set",     "shift",  "shopt",   "source",
    "times",    "trap",    "type",     "typeset", "ulimit",  "umask",  "unset",   "wait"};

constexpr std::string_view kSpecial = "\n\r|&;<>()$`*?[]{}#~!";
constexpr std::string_view kSafe = "%+,-./:=@_^";

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_special(char c) { return c == '\0' || kSpecial.find(c) != std::string_view::npos; }

// Splits text of plain words and simple quotes; nullopt when it needs a shell.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> split() {
    while (at_ < text_.size()) {
      if (!step(text_[at_++])) {
        return std::nullopt;
      }
    }
    end_word();
    if (words_.empty() || words_.front().empty() || is_shell_word(words_.front())) {
      return std::nullopt;
    }
    return std::move(words_);
  }

 private:
  static bool is_shell_word(const std::string& word) {
    return std::find(kShellWords.begin(), kShellWords.end(), word) != kShellWords.end();
  }

  bool step(char c) {
    switch (c) {
      case ' ':
      case '\t': end_word(); return true;
      case '\'': return quoted('\'', "");
      case '"': return quoted('"', "$`\\");
      case '\\': return escaped();
      default: break;
    }
    if (is_special(c) || (c == '=' && words_.empty())) {  // the latter: an assignment
      return false;
    }
    add({&c, 1});
    return true;
  }

  bool quoted(char quote, std::string_view refused) {
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      return false;
    }
    const std::string_view inside = text_.substr(at_, end - at_);
    if (inside.find('\0') != std::string_view::npos ||
        inside.find_first_of(refused) != std::string_view::npos) {
      return false;
    }
    add(inside);
    at_ = end + 1;
    return true;
  }

  bool escaped() {
    if (at_ == text_.size() || text_[at_] == '\n' || text_[at_] == '\0') {
      return false;
    }
    add(text_.substr(at_++, 1));
    return true;
  }

  void add(std::string_view piece) {
    word_ += piece;
    in_word_ = true;
  }

  void end_word() {
    if (in_word_) {
      words_.push_back(std::move(word_));
    }
    word_.clear();
    in_word_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string> words_;
  std::string word_;
  bool in_word_ = false;  // also true for an empty word in quotes
};

}  // namespace

std::vector<std::string> command_argv(std::string_view text) {
  if (auto words = Splitter(text).split()) {
    return std::move(*words);
  }
  return shell_argv(text);
}

// A shell takes a leading dash or plus for an option of its own; a blank before it changes nothing.
std::vector<std::string> shell_argv(std::string_view text) {
  const bool like_option = !text.empty() && (text.front() == '-' || text.front() == '+');
  return {"/bin/sh", "-c", (like_option ? " " : "") + std::string(text)};
}

std::string shell_quote(std::string_view word) {
  const auto is_safe = [](char c) {
    return is_alnum(c) || kSafe.find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_safe)) {
    return std::string(word);
  }
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace darn
