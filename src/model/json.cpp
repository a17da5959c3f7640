#include "model/record_fields.hpp"

namespace darn {
namespace {

using fields::read;
using fields::write_sparse;
using nlohmann::json;

template <class Record>
Record read_new(const json& in) {
  Record record{};
  read(in, record);
  return record;
}

}  // namespace

json to_json(const TaskSpec& r) { return write_sparse(r); }
json to_json(const AgentDef& r) { return write_sparse(r); }
json to_json(const OutputRef& r) { return write_sparse(r); }
json to_json(const Outcome& r) { return write_sparse(r); }
json to_json(const Diagnosis& r) { return write_sparse(r); }
json to_json(const Verdict& r) { return write_sparse(r); }
json to_json(const Decision& r) { return write_sparse(r); }
json to_json(const AgentReport& r) { return write_sparse(r); }
json to_json(const PoolState& r) { return write_sparse(r); }

TaskSpec task_from_json(const json& in) { return read_new<TaskSpec>(in); }
AgentDef agent_from_json(const json& in) { return read_new<AgentDef>(in); }
Outcome outcome_from_json(const json& in) { return read_new<Outcome>(in); }
Diagnosis diagnosis_from_json(const json& in) { return read_new<Diagnosis>(in); }
Verdict verdict_from_json(const json& in) { return read_new<Verdict>(in); }
Decision decision_from_json(const json& in) { return read_new<Decision>(in); }
AgentReport report_from_json(const json& in) { return read_new<AgentReport>(in); }
PoolState pool_from_json(const json& in) { return read_new<PoolState>(in); }

// Policies and settings are written whole: they explain a decision long after defaults changed.
json to_json(const Policy& r) { return fields::write<Policy>(r, nullptr); }
json to_json(const RunSettings& r) { return fields::write<RunSettings>(r, nullptr); }

Policy policy_from_json(const json& in, Policy base) {
  read(in, base);
  return base;
}
RunSettings settings_from_json(const json& in) { return read_new<RunSettings>(in); }

}  // namespace darn
