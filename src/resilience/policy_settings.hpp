// Reads the arguments of one policy: each setting is asked for by its name, and what nobody asked
// for is wrong. Throws policy_text_error.
#pragma once

#include <array>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "darn/backoff.hpp"
#include "resilience/policy_text.hpp"

namespace darn {

struct number_range {
  double low;
  double high;
};

class policy_settings {
 public:
  policy_settings(const policy_value& group, std::string_view whose);

  // Nothing: it is not given. The setting that is asked for first may be given without its name.
  const policy_value* find(std::string_view key);
  void done() const;

  template <std::integral T>
    requires(!std::same_as<T, bool>)
  void operator()(std::string_view key, T& into, number_range range) {
    if (const policy_value* v = find(key)) {
      into = static_cast<T>(number(*v, range, true));
    }
  }
  void operator()(std::string_view key, double& into, number_range range);
  void operator()(std::string_view key, std::optional<double>& into, number_range range);
  void operator()(std::string_view key, bool& into);
  void operator()(std::string_view key, std::string& into);
  void operator()(std::string_view key, duration& into, duration least = {});
  void operator()(std::string_view key, std::optional<duration>& into, duration least = {});

  duration time(const policy_value& v, duration least = {}) const;
  // Of the setting that was asked for last.
  [[noreturn]] void wrong(const policy_value& v, const std::string& right) const;

 private:
  double number(const policy_value& v, number_range range, bool whole) const;

  const policy_value& group_;
  std::string_view whose_;
  std::string known_;
  std::string_view key_;
  std::vector<bool> used_;
};

// Which of the rows, each with a name, `v` says.
template <class Row, std::size_t N>
const Row& one_of(const std::array<Row, N>& rows, const policy_value& v,
                  const policy_settings& read) {
  std::string names;
  for (const Row& row : rows) {
    if (!v.has_group && row.name == v.word) {
      return row;
    }
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  read.wrong(v, "one of " + names);
}

// The setting `backoff`: none, constant(…), linear(…), exponential(…) or schedule(…).
std::optional<backoff> read_backoff(policy_settings& outer);

}  // namespace darn
