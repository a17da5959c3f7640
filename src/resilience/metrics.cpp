#include "darn/metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace darn {

void metrics::add(std::string_view name, std::string_view help, type kind, std::string labels,
                  double value) {
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&](const Family& f) { return f.name == name; });
  if (family == families_.end()) {
    family = families_.insert(family, {std::string(name), std::string(help), kind, {}});
  }
  family->samples.push_back({std::move(labels), value});
}

std::string metrics::text() const {
  std::string out;
  for (const Family& family : families_) {
    out += "# HELP " + family.name + " " + family.help + "\n# TYPE " + family.name +
           (family.kind == type::counter ? " counter\n" : " gauge\n");
    for (const Sample& sample : family.samples) {
      std::array<char, 32> number{};
      const auto end =
          std::to_chars(number.data(), number.data() + number.size(), sample.value).ptr;
      out += family.name;
      if (!sample.labels.empty()) {
        out += "{" + sample.labels + "}";
      }
      out.append(" ").append(number.data(), end).append("\n");
    }
  }
  return out;
}

std::string metric_label(std::string_view key, std::string_view value) {
  std::string out = std::string(key) + "=\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "\"";
}

}  // namespace darn
