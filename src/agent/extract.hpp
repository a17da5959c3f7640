// Where a value stands in an agent's output (model/agent.hpp: Extract) -> the value. Each stream is
// parsed once for all that is looked for. Hostile input: sizes and nesting are bounded (json_text).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.hpp"
#include "model/agent.hpp"

namespace darn {

// Of a stream that is longer than both together only its head and its tail are looked at.
inline constexpr std::size_t kHeadWindow = 1U << 20U;
inline constexpr std::size_t kTailWindow = 8U << 20U;
// Regexes over text look at this much of a stream's end.
inline constexpr std::size_t kTextWindow = 1U << 20U;

class OutputReader {
 public:
  // The views and the definition must outlive it.
  OutputReader(const AgentDef& agent, std::string_view out, std::string_view err);

  // The result line or document; null when there is none.
  const nlohmann::json& result() const { return result_; }
  std::optional<nlohmann::json> value(const Extract& extract);
  std::optional<double> number(const Extract& extract);  // finite, not negative
  std::string text(const Extract& extract);              // printable UTF-8; empty: not there

  // The end of a stream as valid UTF-8.
  const std::string& out_text();
  const std::string& err_text();

 private:
  void read_lines(const std::string& stream, const std::vector<const Extract*>& wanted);
  const nlohmann::json& document(const Extract& extract);
  std::string_view stream(const std::string& name) const { return name == "stderr" ? err_ : out_; }

  std::string_view out_, err_;
  nlohmann::json result_;
  std::map<std::string, nlohmann::json> documents_;  // by stream and kind
  std::vector<std::pair<Extract, nlohmann::json>> from_lines_;
  std::optional<std::string> out_text_, err_text_;
};

// "12", "1,234", "1.2k", "3M"; finite and not negative.
std::optional<double> parse_amount(std::string_view text);

// Pointers, predicates, regexes and words of an Extract; `what` names it in the error.
Status check_extract(const std::string& what, const Extract& extract);

}  // namespace darn
