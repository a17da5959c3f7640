#include "darn/metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace darn {

void metrics::add(std::string_view name, std::string_view help, type kind, std::string labels,
                  double value, const void* source) {
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&](const Family& f) { return f.name == name; });
  if (family == families_.end()) {
    family = families_.insert(family, {std::string(name), std::string(help), kind, {}});
  }
  auto sample = std::find_if(family->samples.begin(), family->samples.end(),
                             [&](const Sample& s) { return s.labels == labels; });
  if (sample == family->samples.end()) {
    sample = family->samples.insert(sample, {std::move(labels), {}});
  }
  std::erase_if(sample->readings, [&](const auto& r) { return r.first == source; });
  sample->readings.emplace_back(source, value);
}

double metrics::value(const Sample& s, type kind) {
  if (kind == type::gauge) {
    return s.readings.back().second;
  }
  double sum = 0;
  for (const auto& [source, reading] : s.readings) {
    sum += reading;
  }
  return sum;
}

std::string metrics::text() const {
  std::string out;
  for (const Family& family : families_) {
    out += "# HELP " + family.name + " " + family.help + "\n# TYPE " + family.name +
           (family.kind == type::counter ? " counter\n" : " gauge\n");
    for (const Sample& sample : family.samples) {
      std::array<char, 32> number{};
      const auto end =
          std::to_chars(number.data(), number.data() + number.size(), value(sample, family.kind))
              .ptr;
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
