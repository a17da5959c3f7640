// Any bytes as darn.toml, or as a YAML task file (the first byte decides: 't' is TOML): nothing
// crashes, hangs or grows beyond bounds, and errors are one line with the file's name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/config.hpp"
#include "config/dev.hpp"
#include "plan/graph.hpp"
#include "plan/reader.hpp"

namespace {

using namespace darn;

Status read_toml(const std::string& text) {
  DARN_ASSIGN(const ConfigDocument document, ConfigDocument::from_toml(text, "f"));
  RunSettings settings;
  DARN_TRY(apply_config(document, settings, ErrorKind::config, {"dev"}));
  DARN_ASSIGN(const DevEntries entries, read_dev(document, ErrorKind::config));
  for (const DevEntry& entry : entries) {
    flatten(entries, {entry.name});
  }
  return {};
}

Status read_yaml(const std::string& text) {
  const TaskSource source{"f", text, TaskSource::Format::yaml};
  RunSettings settings;
  DARN_TRY(read_settings(source, settings));
  TaskGraph graph;
  const auto sink = [](const TaskSpec&, std::string_view, const Location&) -> Status { return {}; };
  DARN_TRY(read_tasks(source, settings, sink, &graph));
  return graph.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Status status = data[0] == 't' ? read_toml(text) : read_yaml(text);
  if (!status &&
      (status.error().text().find('\n') != std::string::npos || status.error().where.file != "f")) {
    std::abort();
  }
  return 0;
}
