// darn, darn help [COMMAND], darn COMMAND --help: the pages of docs/commands, with the options that
// the parser really knows.
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/suggest.hpp"
#include "manual.embed.hpp"

namespace darn::cli {
namespace {

// The page of `darn` alone.
constexpr std::string_view kIntroduction = "darn.md";

// Markdown as a terminal shows it: headings bold, fences gone, code spans without their backticks.
std::string rendered(std::string_view page, const Terminal& terminal) {
  std::string text;
  bool fenced = false;
  for (std::string_view line : split(page, '\n')) {
    if (line.starts_with("```")) {
      fenced = !fenced;
      continue;
    }
    if (fenced || line.starts_with("    ")) {
      text += (fenced ? "    " : "") + std::string(line) + "\n";
      continue;
    }
    const bool heading = line.starts_with('#');
    line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
    std::string plain(line);
    std::erase(plain, '`');
    text += (heading ? styled(terminal, Style::bold, plain) : plain) + "\n";
  }
  return text;
}

std::vector<std::string> topics() {
  std::vector<std::string> names;
  for (const embedded::File& file : embedded::manual()) {
    names.emplace_back(file.name.substr(0, file.name.rfind('.')));
  }
  return names;
}

}  // namespace

Result<int> help(const Context& context, const HelpOptions& options) {
  const std::string name =
      options.topic.empty() ? std::string(kIntroduction) : options.topic + ".md";
  const std::optional<std::string_view> page = embedded::manual(name);
  if (!page) {
    return fail(ErrorKind::usage, "no help on '" + options.topic + "'",
                did_you_mean(options.topic, topics(), "'darn help' lists the commands"));
  }
  // The options stand before the examples, so that these are the last thing on the screen.
  const std::size_t examples = std::min(page->find("\n## Examples"), page->size());
  print(rendered(trim(page->substr(0, examples)), context.out));
  if (const std::string known = options_text(options.topic); !known.empty()) {
    print("\n" + known);
  }
  if (examples < page->size()) {
    print("\n" + rendered(trim(page->substr(examples)), context.out));
  }
  return 0;
}

}  // namespace darn::cli
