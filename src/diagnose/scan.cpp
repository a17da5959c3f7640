#include "diagnose/scan.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>

#include <re2/re2.h>
#include <re2/set.h>

#include "base/text.hpp"
#include "diagnose/located.hpp"

namespace darn {
namespace {

using tables::Codes;
using tables::TextRule;

// Bytes, not characters: an output need not be UTF-8.
re2::RE2::Options options() {
  re2::RE2::Options o;
  o.set_encoding(re2::RE2::Options::EncodingLatin1);
  o.set_case_sensitive(false);
  o.set_log_errors(false);
  o.set_max_mem(64 << 20);
  return o;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

// All patterns as one automaton: which of them match a line is one pass over it.
class Patterns {
 public:
  static const Patterns& get() {
    static const Patterns all;
    return all;
  }

  // Of the rules that match, in the order of the tables.
  void match(std::string_view line, std::vector<int>& ids) const {
    set_.Match(piece(line), &ids);
    std::sort(ids.begin(), ids.end());
  }
  std::size_t rules() const { return rules_.size(); }
  const TextRule& rule(std::size_t id) const { return *rules_[id]; }

  // The single pattern of a rule, compiled when it is first asked for.
  const re2::RE2& pattern(const TextRule& rule) const {
    const std::lock_guard lock(mutex_);
    const auto id =
        static_cast<std::size_t>(std::find(rules_.begin(), rules_.end(), &rule) - rules_.begin());
    if (!single_[id]) {
      single_[id] = std::make_unique<re2::RE2>(rule.pattern, options());
    }
    return *single_[id];
  }

 private:
  Patterns() : set_(options(), re2::RE2::UNANCHORED) {
    for (const auto table : {tables::service_rules(), tables::system_rules(), tables::tool_rules(),
                             tables::generic_rules()}) {
      for (const TextRule& rule : table) {
        rules_.push_back(&rule);
        add(rule.pattern);
      }
    }
    for (const char* pattern : located_patterns()) {
      add(pattern);
    }
    single_.resize(rules_.size());
    if (!set_.Compile()) {
      throw std::logic_error("diagnose: the patterns need more memory");
    }
  }

  void add(const char* pattern) {
    std::string error;
    if (set_.Add(pattern, &error) < 0) {
      throw std::logic_error("diagnose: pattern '" + std::string(pattern) + "': " + error);
    }
  }

  re2::RE2::Set set_;
  std::vector<const TextRule*> rules_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<re2::RE2>> single_;
};

// The meaning of the code in a line; nothing when the captured word is none.
bool read_code(const TextRule& rule, std::string_view line, Found& found) {
  re2::StringPiece rest = piece(line);
  std::string code;
  while (re2::RE2::FindAndConsume(&rest, Patterns::get().pattern(rule), &code)) {
    std::optional<tables::CodeMeaning> meaning;
    if (rule.codes == Codes::http) {
      found.http = static_cast<int>(parse_int(code).value_or(0));
      meaning = tables::http_status(found.http);
    } else {
      meaning = rule.codes == Codes::grpc ? tables::grpc_code(code) : tables::aws_code(code);
    }
    if (meaning) {
      found.kind = meaning->kind;
      found.code_text = meaning->text;
      found.advice = meaning->advice;
      found.weight = meaning->kind.category == Category::rate_limit ? 5 : rule.weight;
      return true;
    }
  }
  return false;
}

// What one line says: the heaviest of the rules that match it, the first of equals.
std::optional<Found> judge(std::string_view line, const std::vector<int>& ids) {
  const auto& patterns = Patterns::get();
  std::optional<Found> best;
  bool demoted = false;
  bool noise = false;
  for (const int id : ids) {
    if (static_cast<std::size_t>(id) >= patterns.rules()) {
      continue;
    }
    const TextRule& rule = patterns.rule(static_cast<std::size_t>(id));
    demoted |= rule.id == tables::kDemote;
    noise |= rule.weight == 0 && rule.id != tables::kDemote;
    Found found{.rule = &rule, .kind = rule.kind, .weight = rule.weight, .advice = rule.advice};
    if (rule.weight == 0 || (rule.codes != Codes::none && !read_code(rule, line, found))) {
      continue;
    }
    if (!best || found.weight > best->weight) {
      best = found;
    }
  }
  if (best && (demoted || noise)) {
    best->weight -= noise ? 2 : 1;
  }
  return best && best->weight > 0 ? best : std::nullopt;
}

// How long the escape sequence at the beginning of text is: CSI … final byte, OSC … BEL, or two
// bytes. None goes over the end of its line.
std::size_t escape_length(std::string_view text) {
  const char kind = text.size() > 1 ? text[1] : '\0';
  std::size_t n = 2;
  if (kind == '[') {
    while (n < text.size() && text[n] >= 0x20 && text[n] < 0x40) {
      ++n;
    }
    return n < text.size() && text[n] >= 0x40 ? n + 1 : n;
  }
  if (kind == ']') {
    while (n < text.size() && text[n] != '\a' && text[n] != '\x1b' && text[n] != '\n') {
      ++n;
    }
    return n < text.size() && text[n] == '\a' ? n + 1 : n;
  }
  return kind >= 0x20 ? 2 : 1;
}

std::string json_message(std::string_view line) {
  static const re2::RE2 message(R"re("(?:message|error|detail|msg)"\s*:\s*"((?:[^"\\]|\\.)+)")re",
                                options());
  re2::StringPiece rest = piece(line);
  std::string last;
  for (std::string text; re2::RE2::FindAndConsume(&rest, message, &text);) {
    last = text;
  }
  for (const auto& [from, to] : {std::pair{"\\\"", "\""}, {"\\n", " "}, {"\\/", "/"}}) {
    for (auto at = last.find(from); at != std::string::npos; at = last.find(from)) {
      last.replace(at, 2, to);
    }
  }
  return last;
}

// Keys and passwords that a tool printed go no further.
std::string without_secrets(std::string text) {
  static const re2::RE2 token(
      R"re((?-i)(\b(?:sk|pk|rk|gh[opsu]|github_pat|glpat|xox[abprs]|hf|npm)[-_]|\bAKIA|\bASIA|\bAIza|\bey[JK][A-Za-z0-9_-]{8,}\.|(?i:bearer |(?:api[_-]?key|token|password|secret)["']?[=:] ?["']?))[A-Za-z0-9_./+=-]{8,})re",
      options());
  static const re2::RE2 login(R"re((://[^\s/:@]+:)[^\s/@]+@)re", options());
  re2::RE2::GlobalReplace(&text, token, R"(\1***)");
  re2::RE2::GlobalReplace(&text, login, R"(\1***@)");
  return text;
}

}  // namespace

std::string plain(std::string_view bytes) {
  const auto is_plain = [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t';
  };
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    std::size_t end = i;
    while (end < bytes.size() && is_plain(bytes[end])) {
      ++end;
    }
    out.append(bytes.substr(i, end - i));
    i = end;
    if (i < bytes.size() && bytes[i] == '\x1b') {
      i += escape_length(bytes.substr(i));
    } else if (i < bytes.size()) {
      const bool line_end = bytes[i] == '\r' && bytes.substr(i + 1, 1) != "\n";
      out += line_end ? "\n" : "";
      ++i;
    }
  }
  return out;
}

std::string_view without_prefix(std::string_view line) {
  // "2026-11-22T17:30:05.1234567Z "
  if (line.size() > 20 && line[4] == '-' && line[7] == '-' && line[10] == 'T') {
    const auto space = line.find(' ');
    if (space != std::string_view::npos && space <= 35) {
      line.remove_prefix(space + 1);
    }
  }
  for (const std::string_view mark : {"##[error]", "::error::"}) {
    if (line.substr(0, mark.size()) == mark) {
      line.remove_prefix(mark.size());
    }
  }
  return line;
}

Scan scan(std::string_view output) {
  const auto& patterns = Patterns::get();
  Scan result;
  result.text = plain(output);
  LocatedCollector located;
  std::vector<int> ids;
  for (std::size_t at = 0; at < result.text.size();) {
    const auto end = std::min(result.text.find('\n', at), result.text.size());
    const auto line = without_prefix(std::string_view(result.text).substr(at, end - at));
    ids.clear();
    if (!trim(line).empty()) {
      patterns.match(line, ids);
      result.last_line = line;
    }
    if (!ids.empty()) {
      located.line(line);
    }
    for (const int id : ids) {
      if (static_cast<std::size_t>(id) >= patterns.rules()) {
        located.add(static_cast<std::size_t>(id) - patterns.rules(), line);
      }
    }
    auto found = judge(line, ids);
    if (found && (!result.best || found->weight >= result.best->weight)) {
      found->line = line;
      found->at = at;
      result.best = std::move(found);
    }
    at = end + 1;
  }
  result.located = located.take();
  return result;
}

std::string excerpt(const Found& found, std::size_t limit) {
  std::string_view line = trim(found.line);
  const auto brace = line.find('{');
  if (brace != std::string_view::npos && line.find("\":", brace) != std::string_view::npos) {
    if (auto message = json_message(line); !message.empty()) {
      const auto code = found.http != 0 ? "HTTP " + std::to_string(found.http) + ": " : "";
      return shorten(without_secrets(printable(code + message)), limit);
    }
  }
  if (line.size() > limit && found.rule != nullptr) {
    re2::StringPiece match;
    if (Patterns::get()
            .pattern(*found.rule)
            .Match(piece(line), 0, line.size(), re2::RE2::UNANCHORED, &match, 1)) {
      const auto at = static_cast<std::size_t>(match.data() - line.data());
      line.remove_prefix(at > limit / 4 && at + match.size() > limit ? at - limit / 4 : 0);
    }
  }
  std::string text = printable(line);
  std::replace(text.begin(), text.end(), '\t', ' ');
  return shorten(without_secrets(std::move(text)), limit);
}

}  // namespace darn
