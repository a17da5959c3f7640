// darn dev [NAME…] [-- ARGUMENT…]: the commands of [dev] in darn.toml; src/dev/ is what runs them.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/dev_project.hpp"
#include "cli/dev_report.hpp"
#include "cli/exec_end.hpp"
#include "cli/say.hpp"
#include "cli/status_json.hpp"
#include "cli/suggest.hpp"
#include "cli/table.hpp"
#include "dev/run.hpp"

namespace darn::cli {
namespace {

struct Project {
  std::string dir;  // of darn.toml; empty: there is none
  DevEntries entries;
};

Result<Project> load(const Context& context) {
  Project project{find_project(context.cwd), {}};
  if (!project.dir.empty()) {
    DARN_ASSIGN(project.entries, read_project(context, project.dir));
  }
  return project;
}

std::string command_line(const DevEntry& entry) {
  return entry.steps.empty() ? shorten(darn::one_line(trim(entry.run)), 120)
                             : join(entry.steps, ", ");
}

int list(const Project& project, bool json) {
  if (json) {
    nlohmann::json all = nlohmann::json::array();
    for (const DevEntry& entry : project.entries) {
      all.push_back({{"name", entry.name},
                     {"command", entry.steps.empty() ? nlohmann::json(entry.run) : nullptr},
                     {"steps", entry.steps},
                     {"help", entry.help}});
    }
    print(dump(all, 1) + "\n");
    return 0;
  }
  if (project.entries.empty()) {
    say("darn: there is no [dev] in darn.toml; 'darn dev --init' looks at the project and writes "
        "one\n");
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const DevEntry& entry : project.entries) {
    rows.push_back(
        {entry.name, entry.help.empty() ? command_line(entry) : darn::one_line(entry.help)});
  }
  print(table(rows, 2));
  return 0;
}

Status check_names(const Project& project, const DevOptions& options) {
  std::vector<std::string> known;
  for (const DevEntry& entry : project.entries) {
    known.push_back(entry.name);
  }
  for (const std::string& name : options.names) {
    const DevEntry* entry = find_entry(project.entries, name);
    if (entry == nullptr) {
      return fail(ErrorKind::usage, "no " + quote(name) + " in [dev] of darn.toml",
                  known.empty() ? "'darn dev --init' looks at the project and writes one"
                                : did_you_mean(name, known, "'darn dev' lists what there is"));
    }
    if (!options.args.empty() && !entry->steps.empty()) {
      return fail(ErrorKind::usage,
                  quote(name) + " is a sequence, and what stands behind '--' is for one command",
                  "name one of its steps: " + join(entry->steps, ", "));
    }
  }
  return {};
}

}  // namespace

Result<int> dev_command(const Context& context, const DevOptions& options) {
  if (options.init) {
    return dev_init(context, options);
  }
  DARN_ASSIGN(const Project project, load(context));
  if (options.names.empty()) {
    return list(project, options.json);
  }
  DARN_TRY(check_names(project, options));
  const dev::Plan plan{flatten(project.entries, options.names), options.args, project.dir,
                       options.keep_going};
  const std::size_t steps = plan.commands.size();
  const auto step_line = [&](std::size_t step, const DevEntry& entry) {
    return fmt::format("[{}/{}] {}: {}", step + 1, steps, entry.name, command_line(entry));
  };
  if (options.dry_run) {
    for (std::size_t i = 0; i < steps; ++i) {
      print(step_line(i, *plan.commands[i]) + "\n");
    }
    return 0;
  }
  const auto before = [&](const DevEntry& entry, std::size_t step, bool fallback) {
    say("darn: {}{}\n", fallback ? "falls back: " : "", step_line(step, entry));
  };
  DARN_ASSIGN(const dev::Account account, dev::run(plan, project.entries, before));

  const DevEnd end = end_of(account, options.fail_on_healed);
  const std::string what = join(options.names, " ");
  if (steps > 1 || !went_well(account)) {
    say("\n{}darn: {}\n", dev_table(account), closing_line(account, what));
    add_to_step_summary(dev_markdown(account, what));
  }
  if (options.fail_on_healed && end.status == 1 && account.first_failure() == nullptr) {
    say("darn: exit status 1, because not all succeeded at the first try (--fail-on-healed)\n");
  }
  if (options.json) {
    say("{}\n", dump(dev_json(account, end)));
  }
  if (end.signal != 0) {
    end_by(end.signal);
  }
  return end.status;
}

}  // namespace darn::cli
