#include "resilience/policy_text.hpp"

#include <algorithm>

namespace darn {
namespace {

constexpr std::size_t kLongestText = 64 * 1024;
constexpr int kDeepest = 8;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool ends_word(char c) {
  return is_blank(c) || std::string_view("(),=>\"").find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<policy_value> all() {
    std::vector<policy_value> policies;
    if (text_.size() > kLongestText) {
      fail("the text is longer than 64 KiB");
    }
    skip_blanks();
    if (at_end()) {
      return policies;
    }
    do {
      policies.push_back(value(0));
      if (policies.back().word.empty()) {
        throw policy_text_error{policies.back().place, "here has to be the name of a policy"};
      }
    } while (take('>'));
    if (!at_end()) {
      fail("here has to be > and another policy, or the end");
    }
    if (policies.size() == 1 && policies[0].word == "direct" && !policies[0].has_group) {
      policies.clear();
    }
    return policies;
  }

 private:
  [[noreturn]] void fail(std::string message) const {
    throw policy_text_error{at_, std::move(message)};
  }
  bool at_end() const { return at_ == text_.size(); }
  void skip_blanks() {
    while (!at_end() && is_blank(text_[at_])) {
      ++at_;
    }
  }
  bool take(char c) {
    skip_blanks();
    if (at_end() || text_[at_] != c) {
      return false;
    }
    ++at_;
    skip_blanks();
    return true;
  }

  std::string word() {
    if (take_quote()) {
      return quoted();
    }
    const std::size_t start = at_;
    while (!at_end() && !ends_word(text_[at_])) {
      ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }
  bool take_quote() {
    if (at_end() || text_[at_] != '"') {
      return false;
    }
    ++at_;
    return true;
  }
  std::string quoted() {
    const std::size_t start = at_ - 1;
    std::string out;
    for (; !at_end() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
      }
      out += text_[at_];
    }
    if (at_end()) {
      throw policy_text_error{start, "the closing \" is missing"};
    }
    ++at_;
    return out;
  }

  policy_value value(int depth) {
    skip_blanks();
    policy_value v;
    v.place = at_;
    v.word = word();
    const bool empty = at_ == v.place;
    v.has_group = take('(');
    if (empty && !v.has_group) {
      fail(at_end() ? "something is missing at the end"
                    : std::string("here has to be a word, not ") + text_[at_]);
    }
    if (v.has_group) {
      if (depth == kDeepest) {
        fail("too many ( within each other");
      }
      v.group = group(depth + 1);
    }
    skip_blanks();
    return v;
  }

  std::vector<policy_argument> group(int depth) {
    std::vector<policy_argument> all;
    if (take(')')) {
      return all;
    }
    do {
      policy_argument a{.key = {}, .value = value(depth)};
      if (!a.value.has_group && take('=')) {
        const std::size_t place = a.value.place;
        a.key = std::move(a.value.word);
        a.value = value(depth);
        a.value.place = place;
      }
      all.push_back(std::move(a));
    } while (take(','));
    if (!take(')')) {
      fail("here has to be , or )");
    }
    return all;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string word_text(const std::string& word) {
  if (!word.empty() && std::none_of(word.begin(), word.end(), ends_word)) {
    return word;
  }
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + '"';
}

}  // namespace

std::vector<policy_value> parse_policies(std::string_view text) { return Reader(text).all(); }

std::string to_text(const policy_value& value) {
  std::string out = value.word.empty() && value.has_group ? "" : word_text(value.word);
  if (!value.has_group) {
    return out;
  }
  out += '(';
  for (const policy_argument& a : value.group) {
    out += &a == value.group.data() ? "" : ", ";
    out += (a.key.empty() ? "" : word_text(a.key) + "=") + to_text(a.value);
  }
  return out + ')';
}

std::string place_in(std::string_view text, std::size_t place) {
  const std::string_view before = text.substr(0, place);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  const std::string column = "column " + std::to_string(place - start + 1);
  return text.find('\n') != std::string_view::npos
             ? "line " + std::to_string(lines + 1) + ", " + column
             : column;
}

}  // namespace darn
