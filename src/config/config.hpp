// darn.toml (project), config.toml (user) and the settings part of a YAML task file: one document
// type with places, one reader. Unknown keys are refused with the nearest known one; wrong types
// and ranges with what would be right. Pure but for load_config.
//
//   [run]           jobs, auto_retry, max_retries, halt, fail_on_healed, budget, output_limit, grace,
//                   linger, cycle_wait, cycle_wait_limited, notify, durability
//   [defaults]      any task field
//   [policy]        max_retries, jitter, deterministic_after, poison_limit, max_snoozes, max_snooze,
//                   max_retry_after, rest_without_hint
//   [policy.network] … [policy.unknown]   retries, backoff = ["5s", …], alone
//   [[policy.rules]]  see model/policy.hpp
//   [agents.NAME]   see model/agent.hpp; `extends = "claude"` starts from another definition
//   [pools.NAME]    limit, rate = "10/min"
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/run.hpp"

namespace darn {

// A parsed document: a JSON tree, and the place of each node by its JSON pointer.
class ConfigDocument {
 public:
  ConfigDocument();
  ~ConfigDocument();
  ConfigDocument(ConfigDocument&&) noexcept;
  ConfigDocument& operator=(ConfigDocument&&) noexcept;

  static Result<ConfigDocument> from_toml(std::string_view text, const std::string& file);
  // yaml_error is the ErrorKind of mistakes in it: bad_input for task files.
  static Result<ConfigDocument> from_yaml(std::string_view text, const std::string& file);

  const nlohmann::json& root() const;
  Location where(const std::string& pointer) const;  // of that node, or of its nearest parent

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

// Lays a document over settings. `kind` is the ErrorKind of what is wrong in it (config for
// darn.toml, bad_input for a YAML task file). Keys in `ignore` (e.g. "tasks") are not looked at.
Status apply_config(const ConfigDocument& document, RunSettings& settings, ErrorKind kind,
                    const std::vector<std::string>& ignore = {});

// One task's fields out of a document node (the YAML reader and [defaults] share it). Unknown
// scalar keys become parameters; unless `defaults`, where they are parameters too.
Result<TaskSpec> task_from_config(const ConfigDocument& document, const std::string& pointer,
                                  ErrorKind kind);

// Built-in defaults < presets < user file ($XDG_CONFIG_HOME/darn/config.toml) < project file
// (darn.toml in cwd) < environment (DARN_JOBS, DARN_MAX_RETRIES, DARN_AUTO_RETRY, DARN_BUDGET …).
// Flags are laid on top by the command. `presets` are TOML texts by file name (packs/agents/*.toml).
Result<RunSettings> load_config(const std::string& cwd,
                                const std::map<std::string, std::string>& presets);

// Rules for names that both readers keep to: the reserved task fields, and the near-miss check.
// Returns an error text ("unknown column 'comand'; did you mean 'command'?") or empty.
struct FieldName {
  enum class Kind : std::uint8_t { reserved, env, parameter } kind = Kind::parameter;
  std::string name;  // canonical: prompt for task, NAME for env.NAME
};
// `cell_only`: true for CSV headers, where score, race, fallback, failed_when and deadline are
// parameters; false in YAML and defaults.
Result<FieldName> classify_field(std::string_view name, bool cell_only);

// Sets one field of a spec from a cell's text; empty text leaves it unset. The error has no place.
Status set_field(TaskSpec& spec, const std::string& canonical, std::string_view text);

// Checks that hold for a finished spec whatever its source: id, command xor agent, agent defined,
// paths that leave the working directory, ranges. The error has no place.
Status check_task(const TaskSpec& spec, const RunSettings& settings);

// Fields of `defaults` where `spec` leaves them unset.
void merge_defaults(TaskSpec& spec, const TaskSpec& defaults);

}  // namespace darn
