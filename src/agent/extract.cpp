#include "agent/extract.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <re2/re2.h>

#include "agent/json_text.hpp"
#include "agent/predicate.hpp"
#include "agent/regex.hpp"
#include "base/text.hpp"

namespace darn {
namespace {

using nlohmann::json;

std::optional<double> to_number(const json& value) {
  if (value.is_string()) {
    return parse_amount(value.get_ref<const std::string&>());
  }
  if (!value.is_number()) {
    return std::nullopt;
  }
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < 0) {
    return std::nullopt;
  }
  return number;
}

std::string to_text(const json& value) {
  if (value.is_null()) {
    return {};
  }
  if (value.is_string()) {
    return value.get<std::string>();
  }
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// One value of several: what is counted is added up.
std::optional<json> combine(const std::vector<const json*>& values, const std::string& take) {
  if (values.empty()) {
    return std::nullopt;
  }
  const bool numbers = std::all_of(values.begin(), values.end(),
                                   [](const json* value) { return value->is_number(); });
  if (values.size() == 1) {
    return *values.front();
  }
  if (!numbers) {
    return take == "first" ? *values.front() : *values.back();
  }
  double sum = 0;
  for (const json* value : values) {
    sum += to_number(*value).value_or(0);
  }
  return json(sum);
}

// Collects one Extract over the lines of a stream.
struct LineCollector {
  const Extract* extract = nullptr;
  Predicate lines;
  Pointer pointer;
  std::optional<json> value;

  void see(const json& line) {
    if (extract->take == "first" && value) {
      return;
    }
    if (!lines.holds(line)) {
      return;
    }
    auto found = combine(pointer.find(line), extract->take);
    if (!found) {
      return;
    }
    if (extract->take == "sum") {
      value = json(to_number(value.value_or(json(0))).value_or(0) + to_number(*found).value_or(0));
    } else {
      value = std::move(found);
    }
  }
};

std::string end_of(std::string_view text, std::size_t size) {
  if (text.size() > size) {
    text.remove_prefix(text.size() - size);
  }
  return is_utf8(text) ? std::string(text) : to_utf8(text);
}

// Whole lines of the head and the tail; all of it when that is not more.
std::pair<std::string_view, std::string_view> window(std::string_view text) {
  if (text.size() <= kHeadWindow + kTailWindow) {
    return {text, {}};
  }
  std::string_view head = text.substr(0, kHeadWindow);
  head = head.substr(0, head.rfind('\n') + 1);  // npos + 1 == 0: no whole line
  std::string_view tail = text.substr(text.size() - kTailWindow);
  const std::size_t line = tail.find('\n');
  tail = line == std::string_view::npos ? std::string_view{} : tail.substr(line + 1);
  return {head, tail};
}

}  // namespace

std::optional<double> parse_amount(std::string_view text) {
  std::string digits;
  for (const char c : trim(text)) {
    if (c != ',') {
      digits += c;
    }
  }
  double factor = 1;
  if (!digits.empty() && (digits.back() == 'k' || digits.back() == 'K')) {
    factor = 1e3;
  }
  if (!digits.empty() && (digits.back() == 'm' || digits.back() == 'M')) {
    factor = 1e6;
  }
  if (factor > 1) {
    digits.pop_back();
  }
  const auto number = parse_number(digits);
  if (!number || *number < 0 || !std::isfinite(*number * factor)) {
    return std::nullopt;
  }
  return *number * factor;
}

OutputReader::OutputReader(const AgentDef& agent, std::string_view out, std::string_view err)
    : out_(out), err_(err) {
  // The result line is kept whole: predicates and plain pointers look at it.
  Extract whole = agent.result;
  whole.at.clear();
  whole.regex.clear();
  std::vector<const Extract*> wanted;
  Extract quota;
  quota.lines = agent.quota.lines;
  quota.at = agent.quota.at;
  for (const Extract* extract :
       {static_cast<const Extract*>(&whole), &agent.result, &agent.cost_usd, &agent.session,
        &agent.error, &agent.status, &agent.tokens.input, &agent.tokens.cached,
        &agent.tokens.output, static_cast<const Extract*>(&quota)}) {
    if (!extract->lines.empty()) {
      wanted.push_back(extract);
    }
  }
  read_lines("stdout", wanted);
  read_lines("stderr", wanted);
  if (!whole.lines.empty()) {
    result_ = value(whole).value_or(json());
  } else {
    if (whole.json.empty()) {
      whole.json = "last";
    }
    result_ = document(whole);
    // Some leave their object on stderr when they fail.
    if (result_.is_null() && whole.stream == "stdout" && whole.json == "last") {
      whole.stream = "stderr";
      result_ = document(whole);
    }
  }
}

void OutputReader::read_lines(const std::string& stream_name,
                              const std::vector<const Extract*>& wanted) {
  std::vector<LineCollector> collectors;
  for (const Extract* extract : wanted) {
    if (extract->stream != stream_name) {
      continue;
    }
    auto lines = Predicate::parse(extract->lines);
    auto pointer = Pointer::parse(extract->at);
    if (lines && pointer) {
      collectors.push_back({extract, std::move(*lines), std::move(*pointer), std::nullopt});
    }
  }
  if (collectors.empty()) {
    return;
  }
  const auto see = [&collectors](const json& line) {
    for (LineCollector& collector : collectors) {
      collector.see(line);
    }
    return true;
  };
  const auto [head, tail] = window(stream(stream_name));
  each_json_line(head, see);
  each_json_line(tail, see);
  for (LineCollector& collector : collectors) {
    if (collector.value) {
      from_lines_.emplace_back(*collector.extract, std::move(*collector.value));
    }
  }
}

const json& OutputReader::document(const Extract& extract) {
  const bool whole = extract.json == "whole";
  const std::string key = extract.stream + (whole ? " whole" : " last");
  const auto known = documents_.find(key);
  if (known != documents_.end()) {
    return known->second;
  }
  const std::string_view text = stream(extract.stream);
  auto value = whole ? parse_json(text) : last_json(text);
  return documents_[key] = value ? std::move(*value) : json();
}

std::optional<json> OutputReader::value(const Extract& extract) {
  if (extract.empty()) {
    return std::nullopt;
  }
  std::optional<json> found;
  if (!extract.lines.empty()) {
    for (const auto& [of, value] : from_lines_) {
      if (of == extract) {
        found = value;
      }
    }
  } else if (!extract.at.empty() || !extract.json.empty()) {
    const auto pointer = Pointer::parse(extract.at);
    if (!pointer) {
      return std::nullopt;
    }
    const bool of_result = extract.json.empty() && extract.stream == "stdout";
    const json& base = of_result ? result_ : document(extract);
    if (base.is_null()) {
      return std::nullopt;
    }
    found = combine(pointer->find(base), extract.take);
  } else {
    const std::string& text = extract.stream == "stderr" ? err_text() : out_text();
    const auto match = find_regex(extract.regex, text, extract.take);
    return match ? std::optional<json>(*match) : std::nullopt;
  }
  if (!found || extract.regex.empty()) {
    return found;
  }
  const auto match = find_regex(extract.regex, to_text(*found), extract.take);
  return match ? std::optional<json>(*match) : std::nullopt;
}

std::optional<double> OutputReader::number(const Extract& extract) {
  const auto found = value(extract);
  return found ? to_number(*found) : std::nullopt;
}

std::string OutputReader::text(const Extract& extract) {
  const auto found = value(extract);
  return found ? printable(to_text(*found)) : std::string();
}

const std::string& OutputReader::out_text() {
  if (!out_text_) {
    out_text_ = end_of(out_, kTextWindow);
  }
  return *out_text_;
}

const std::string& OutputReader::err_text() {
  if (!err_text_) {
    err_text_ = end_of(err_, kTextWindow);
  }
  return *err_text_;
}

Status check_extract(const std::string& what, const Extract& extract) {
  const auto wrong = [&what](const Error& error) {
    return fail(ErrorKind::config, fmt::format("{}: {}", what, error.message), error.mend);
  };
  const auto one_of = [&what](const char* key, const std::string& word,
                              std::initializer_list<std::string_view> words) -> Status {
    if (std::find(words.begin(), words.end(), word) != words.end()) {
      return {};
    }
    return fail(ErrorKind::config, fmt::format("{}: {} = '{}' is unknown", what, key, word),
                fmt::format("one of: {}", fmt::join(words, ", ")));
  };
  DARN_TRY(one_of("stream", extract.stream, {"stdout", "stderr"}));
  DARN_TRY(one_of("take", extract.take, {"first", "last", "sum"}));
  if (!extract.json.empty()) {
    DARN_TRY(one_of("json", extract.json, {"last", "whole"}));
  }
  if (!extract.lines.empty()) {
    if (const auto checked = check_predicate(extract.lines); !checked) {
      return wrong(checked.error());
    }
  }
  if (const auto pointer = Pointer::parse(extract.at); !pointer) {
    return wrong(pointer.error());
  }
  if (!extract.regex.empty()) {
    if (const auto checked = check_regex(extract.regex); !checked) {
      return wrong(checked.error());
    }
  }
  return {};
}

}  // namespace darn
