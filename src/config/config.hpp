// darn.toml (project), config.toml (user) and the settings part of a YAML task file: one document
// type with places, one reader. Unknown keys are refused with the nearest known one; wrong types
// and ranges with what would be right. Pure but for load_config. Thread-safe: no state is shared.
//
//   [run]           jobs, auto_retry, max_retries, halt, fail_on_healed, budget, output_limit,
//   grace,
//                   linger, cycle_wait, cycle_wait_limited, notify, durability
//   [defaults]      any task field but id and after
//   [policy]        max_retries, jitter, deterministic_after, poison_limit, max_snoozes,
//   max_snooze,
//                   max_retry_after, rest_without_hint
//   [policy.network] … [policy.unknown]   retries, backoff = ["5s", …], alone
//   [[policy.rules]]  see model/policy.hpp; rules of a later document stand before earlier ones
//   [agents.NAME]   see model/agent.hpp; lies over a definition of that name, or over the one that
//                   `extends = "claude"` names
//   [pools.NAME]    limit, rate = "10/min"
//   [dev]           a project's named commands: dev.hpp
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.hpp"
#include "model/run.hpp"

namespace darn {

struct DevEntry;

// A parsed document: a JSON tree, and the place of each node by its JSON pointer. Scalars of YAML
// are strings as written (so that an id 007 stays one) or null; those of TOML have their type, but
// for dates, which are strings.
class ConfigDocument {
 public:
  ConfigDocument();
  ~ConfigDocument();
  ConfigDocument(ConfigDocument&&) noexcept;
  ConfigDocument& operator=(ConfigDocument&&) noexcept;

  // Takes one entry of a streamed list or map (with its key) as a document of its own.
  using Entry = std::function<Status(ConfigDocument&& entry, const std::string& key)>;

  static Result<ConfigDocument> from_toml(std::string_view text, const std::string& file);
  // Anchors, aliases and merge keys are expanded, within a bound that follows the text's size.
  // `kind` is the ErrorKind of mistakes in it. The entries of the top-level key `streamed` are
  // handed to `entry` one by one instead of being kept: a million tasks need no tree of their own.
  static Result<ConfigDocument> from_yaml(std::string_view text, const std::string& file,
                                          ErrorKind kind = ErrorKind::bad_input,
                                          const std::string& streamed = {},
                                          const Entry& entry = {});
  // A tree without places but the file's name: settings that come from the environment.
  static ConfigDocument from_json(nlohmann::json root, const std::string& file);

  const nlohmann::json& root() const;
  const std::string& file() const;
  Location where(const std::string& pointer) const;      // of that node, or of its nearest parent
  Location where_key(const std::string& pointer) const;  // of the key that names it
  // In the order of the file; empty when the node is no table.
  std::vector<std::string> keys(const std::string& pointer) const;

  struct Data;

 private:
  std::unique_ptr<Data> data_;
};

// The pointer of a child of a node; escapes the key.
std::string child_pointer(const std::string& pointer, std::string_view key);

// Lays a document over settings. `kind` is the ErrorKind of what is wrong in it (config for
// darn.toml, bad_input for a YAML task file). Keys in `ignore` (e.g. "tasks") are not looked at.
Status apply_config(const ConfigDocument& document, RunSettings& settings, ErrorKind kind,
                    const std::vector<std::string>& ignore = {});

// One task's fields out of a document node (the YAML reader and [defaults] share it). Unknown
// scalar keys become parameters. They are laid over `start` (see start_task).
Result<TaskSpec> task_from_config(const ConfigDocument& document, const std::string& pointer,
                                  ErrorKind kind, const TaskSpec& start = {});

// Built-in defaults < presets < user file ($XDG_CONFIG_HOME/darn/config.toml) < project file
// (darn.toml in cwd) < environment (DARN_JOBS, DARN_MAX_RETRIES, DARN_AUTO_RETRY, DARN_BUDGET …:
// any key of [run] but output_limit). Flags are laid on top by the command. `presets` are TOML
// texts by file name (packs/agents/*.toml). The project's [dev] is checked, and goes to `dev`.
Result<RunSettings> load_config(const std::string& cwd,
                                const std::map<std::string, std::string>& presets,
                                std::vector<DevEntry>* dev = nullptr);

// "5usd", "$5", "2000000tokens", "2Mtok", or one of each with a comma between them.
Result<Budget> parse_budget(std::string_view text);
// "keep-going", "fail-fast", "20%".
Status parse_halt(std::string_view text, RunSettings& settings);

// Rules for names that both readers keep to: the reserved task fields, the near-miss check, names
// that an environment may not have.
struct FieldName {
  enum class Kind : std::uint8_t { reserved, env, parameter } kind = Kind::parameter;
  std::string name;  // canonical: prompt for task; NAME for env.NAME
};
// `cell_only`: true for CSV headers, where score, race, fallback, failed_when and deadline are
// parameters; false in YAML and defaults. The error has no place.
Result<FieldName> classify_field(std::string_view name, bool cell_only);

// Sets one field of a spec from a cell's text; empty text leaves it unset. The error has no place.
// The second form takes a canonical name: a reserved one, "env.NAME" or a parameter.
Status set_field(TaskSpec& spec, const FieldName& field, std::string_view text);
Status set_field(TaskSpec& spec, const std::string& canonical, std::string_view text);

// Checks that hold for a finished spec whatever its source: id, command xor agent, agent defined,
// paths that leave the working directory, ranges. The error has no place; `find_mistake` also names
// the field that is to blame.
struct Mistake {
  std::string field;
  Error error;
};
std::optional<Mistake> find_mistake(const TaskSpec& spec, const RunSettings& settings);
Status check_task(const TaskSpec& spec, const RunSettings& settings);

// A task is read in three steps: start with the defaults of the fields that have no unset state
// (idempotent, priority), set what is written, merge the rest of the defaults where it is unset.
TaskSpec start_task(const TaskSpec& defaults);
void merge_defaults(TaskSpec& spec, const TaskSpec& defaults);

}  // namespace darn
