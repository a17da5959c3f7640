#include "resilience/policy_settings.hpp"

#include <charconv>
#include <cmath>

#include "darn/backoff.hpp"
#include "resilience/number_text.hpp"

namespace darn {

policy_settings::policy_settings(const policy_value& group, std::string_view whose)
    : group_(group), whose_(whose), used_(group.group.size(), false) {}

const policy_value* policy_settings::find(std::string_view key) {
  const bool first = known_.empty();
  known_ += (first ? "" : ", ") + std::string(key);
  key_ = key;
  const policy_value* found = nullptr;
  for (std::size_t i = 0; i < group_.group.size(); ++i) {
    const policy_argument& a = group_.group[i];
    if (a.key != key && !(first && i == 0 && a.key.empty())) {
      continue;
    }
    if (found != nullptr) {
      throw policy_text_error{a.value.place, a.key + " is said twice"};
    }
    used_[i] = true;
    found = &a.value;
  }
  return found;
}

void policy_settings::done() const {
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (!used_[i]) {
      const policy_argument& a = group_.group[i];
      throw policy_text_error{a.value.place,
                              a.key.empty()
                                  ? "only the first setting may stand without its name"
                                  : std::string(whose_) + " takes " + known_ + "; not " + a.key};
    }
  }
}

void policy_settings::operator()(std::string_view key, double& into, number_range range) {
  if (const policy_value* v = find(key)) {
    into = number(*v, range, false);
  }
}

void policy_settings::operator()(std::string_view key, std::optional<double>& into,
                                 number_range range) {
  if (const policy_value* v = find(key)) {
    into = number(*v, range, false);
  }
}

void policy_settings::operator()(std::string_view key, bool& into) {
  if (const policy_value* v = find(key)) {
    into = v->word == "true";
    if (v->has_group || (!into && v->word != "false")) {
      wrong(*v, "true or false");
    }
  }
}

void policy_settings::operator()(std::string_view key, std::string& into) {
  if (const policy_value* v = find(key)) {
    if (v->has_group) {
      wrong(*v, "a word, or a text in \"");
    }
    into = v->word;
  }
}

void policy_settings::operator()(std::string_view key, duration& into, duration least) {
  if (const policy_value* v = find(key)) {
    into = time(*v, least);
  }
}

void policy_settings::operator()(std::string_view key, std::optional<duration>& into,
                                 duration least) {
  if (const policy_value* v = find(key)) {
    into = time(*v, least);
  }
}

duration policy_settings::time(const policy_value& v, duration least) const {
  const auto d = v.has_group ? std::nullopt : to_duration(v.word);
  if (!d || *d < least) {
    wrong(v, std::string("a time like 250ms or 1m30s") + (least > duration{0} ? ", above 0" : ""));
  }
  return *d;
}

void policy_settings::wrong(const policy_value& v, const std::string& right) const {
  throw policy_text_error{v.place,
                          std::string(key_) + " has to be " + right + ", not " + to_text(v)};
}

// 50% is 0.5.
double policy_settings::number(const policy_value& v, number_range range, bool whole) const {
  std::string_view text = v.word;
  const bool percent = !whole && text.ends_with('%');
  text.remove_suffix(percent ? 1 : 0);
  double n = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
  n = percent ? n / 100 : n;
  if (v.has_group || problem != std::errc{} || end != text.data() + text.size() ||
      !(n >= range.low && n <= range.high) || (whole && n != std::floor(n))) {
    wrong(v, std::string(whole ? "a whole number" : "a number") + " from " +
                 short_number(range.low) + " to " + short_number(range.high));
  }
  return n;
}

}  // namespace darn
