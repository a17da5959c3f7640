// darn export [RUN] --format csv|json|junit|markdown
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/junit.hpp"
#include "cli/markdown.hpp"
#include "cli/status_json.hpp"
#include "cli/summary.hpp"
#include "plan/reader.hpp"

namespace darn::cli {
namespace {

template <class T>
std::string optional_text(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "";
}

template <class E>
std::string kind_text(E kind) {
  return kind == E::none ? "" : std::string(to_string(kind));
}

std::string csv_row(const TaskRecord& task) {
  return join_record({task.spec.id, std::string(to_string(task.state)),
                      task.healed ? "true" : "false", std::to_string(task.attempts),
                      std::to_string(task.cycle), kind_text(task.category), kind_text(task.cause),
                      kind_text(task.severity), task.signature, optional_text(task.exit),
                      optional_text(task.signal), join(task.spec.tags, ";"),
                      optional_text(task.score), fmt::format("{}", task.cost_usd),
                      fmt::format("{:.3f}", static_cast<double>(task.duration.count()) / 1000.0),
                      task.summary, task.workspace, task.output_path}) +
         "\n";
}

Result<std::string> csv(Store& store, const RunRecord& run) {
  std::string text =
      "id,state,healed,attempts,cycle,category,cause,severity,signature,exit,signal,tags,score,"
      "cost_usd,duration_s,summary,workspace,output\n";
  DARN_TRY(store.each_task(run.key, {}, true, [&](const TaskRecord& task) -> Status {
    text += csv_row(task);
    return {};
  }));
  return text;
}

Result<std::string> content(const Context& context, const Opened& opened,
                            const std::string& format) {
  if (format == "csv") {
    return csv(*opened.store, opened.run);
  }
  if (format == "junit") {
    return junit_xml(*opened.store, opened.run);
  }
  if (format == "json") {
    std::string text;
    DARN_TRY(write_status_json(*opened.store, opened.run, true,
                               [&](std::string_view part) { text += part; }));
    return text;
  }
  DARN_ASSIGN(const Summary summary, summarise(*opened.store, context.paths, opened.run));
  return markdown(summary, context.clock->now());
}

}  // namespace

Result<int> export_run(const Context& context, const ExportOptions& options) {
  DARN_ASSIGN(const Opened opened, open_run(context, options.run));
  DARN_ASSIGN(const std::string text, content(context, opened, options.format));
  DARN_TRY(write_file(options.output, text));
  return 0;
}

}  // namespace darn::cli
