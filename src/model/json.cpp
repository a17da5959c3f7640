#include <algorithm>

#include <fmt/format.h>

#include "model/record_fields.hpp"

namespace darn {

namespace fields {

void encode_text(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= ' ' && c < '\x7f' && c != '"' && c != '\\';
  });
  if (plain) {
    ((out += '"') += text) += '"';
  } else {
    out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  }
}

void encode_number(std::string& out, std::int64_t number) {
  out += std::string_view(fmt::format_int(number).c_str());
}
void encode_number(std::string& out, std::uint64_t number) {
  out += std::string_view(fmt::format_int(number).c_str());
}
void encode_number(std::string& out, double number) { out += json(number).dump(); }

}  // namespace fields

namespace {

using fields::read;
using nlohmann::json;

template <class Record>
std::string sparse(const Record& record) {
  std::string out;
  fields::write_sparse(out, record);
  return out;
}
template <class Record>
std::string whole(const Record& record) {
  std::string out;
  fields::write<Record>(out, record, nullptr);
  return out;
}

template <class Record>
Record read_new(const json& in) {
  Record record{};
  read(in, record);
  return record;
}

}  // namespace

std::string json_text(const TaskSpec& r) { return sparse(r); }
std::string json_text(const AgentDef& r) { return sparse(r); }
std::string json_text(const OutputRef& r) { return sparse(r); }
std::string json_text(const Outcome& r) { return sparse(r); }
std::string json_text(const Diagnosis& r) { return sparse(r); }
std::string json_text(const Verdict& r) { return sparse(r); }
std::string json_text(const Decision& r) { return sparse(r); }
std::string json_text(const AgentReport& r) { return sparse(r); }
std::string json_text(const PoolState& r) { return sparse(r); }

TaskSpec task_from_json(const json& in) { return read_new<TaskSpec>(in); }
AgentDef agent_from_json(const json& in) { return read_new<AgentDef>(in); }
Outcome outcome_from_json(const json& in) { return read_new<Outcome>(in); }
Diagnosis diagnosis_from_json(const json& in) { return read_new<Diagnosis>(in); }
Verdict verdict_from_json(const json& in) { return read_new<Verdict>(in); }
Decision decision_from_json(const json& in) { return read_new<Decision>(in); }
AgentReport report_from_json(const json& in) { return read_new<AgentReport>(in); }
PoolState pool_from_json(const json& in) { return read_new<PoolState>(in); }

// Policies and settings are written whole: they explain a decision long after defaults changed.
std::string json_text(const Policy& r) { return whole(r); }
std::string json_text(const RunSettings& r) { return whole(r); }

Policy policy_from_json(const json& in, Policy base) {
  read(in, base);
  return base;
}
RunSettings settings_from_json(const json& in) { return read_new<RunSettings>(in); }

}  // namespace darn
