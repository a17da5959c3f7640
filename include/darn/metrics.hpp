// What policies count, readable at any time without a lock, and its Prometheus text.
//
//   std::puts(darn::prometheus_text(breaker, pipeline).c_str());
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace darn {

// Counts up. Relaxed: a reader sees every count, but not in step with other memory.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// One reading of some policies. Not thread-safe; the policies it reads are.
class metrics {
 public:
  enum class type : std::uint8_t { counter, gauge };

  // name: "darn_retry_attempts_total"; labels: {policy="payments",result="healed"} without braces.
  // A name with its labels is written once, or Prometheus would refuse the whole text: of one
  // `source` (a policy that two pipelines share) the last reading counts; counters of different
  // ones (two policies without a name) are added up, of gauges the last one counts.
  void add(std::string_view name, std::string_view help, type kind, std::string labels,
           double value, const void* source = nullptr);

  void add(std::string_view name, std::string_view help, std::string labels, const counter& c) {
    add(name, help, type::counter, std::move(labels), static_cast<double>(c.value()), &c);
  }

  // The text exposition format, version 0.0.4: families together, each with HELP and TYPE.
  std::string text() const;

 private:
  struct Sample {
    std::string labels;
    std::vector<std::pair<const void*, double>> readings;
  };
  static double value(const Sample& s, type kind);
  struct Family {
    std::string name;
    std::string help;
    type kind;
    std::vector<Sample> samples;
  };
  std::vector<Family> families_;
};

// key="value", the value escaped as the format wants it.
std::string metric_label(std::string_view key, std::string_view value);

template <class... Policies>
std::string prometheus_text(const Policies&... policies) {
  metrics all;
  (policies.collect(all), ...);
  return all.text();
}

}  // namespace darn
