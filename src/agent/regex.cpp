#include "agent/regex.hpp"

#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>

#include "agent/extract.hpp"
#include "base/text.hpp"

namespace darn {
namespace {

RE2::Options quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

// The end of a match may be its beginning: go on behind it, a whole character further.
std::size_t behind(std::string_view text, std::string_view match) {
  auto at = static_cast<std::size_t>(match.data() - text.data()) + match.size();
  if (!match.empty()) {
    return at;
  }
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
    ++at;
  }
  return at;
}

// Calls `see` with the groups 0 and `group` of each match until it returns false.
template <class See>
void each_match(const RE2& regex, std::string_view text, int group, See see) {
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(group) + 1);
  std::size_t at = 0;
  while (at <= text.size() && regex.Match({text.data(), text.size()}, at, text.size(),
                                          RE2::UNANCHORED, groups.data(), group + 1)) {
    const std::string_view whole(groups[0].data(), groups[0].size());
    const auto& wanted = groups[static_cast<std::size_t>(group)];
    // A group that took no part has no data.
    if (wanted.data() != nullptr && !see(std::string_view(wanted.data(), wanted.size()))) {
      return;
    }
    at = behind(text, whole);
  }
}

}  // namespace

Status check_regex(const std::string& regex) {
  const RE2 compiled(regex, quiet());
  if (compiled.ok()) {
    return {};
  }
  return fail(ErrorKind::config,
              fmt::format("regex '{}': {}", shorten(regex, 200), compiled.error()),
              "the syntax is RE2's: no look-around, no back-references");
}

bool matches_regex(const std::string& regex, std::string_view text) {
  const RE2 compiled(regex, quiet());
  return compiled.ok() && RE2::PartialMatch({text.data(), text.size()}, compiled);
}

std::optional<std::string> find_regex(const std::string& regex, std::string_view text,
                                      std::string_view take) {
  const RE2 compiled(regex, quiet());
  if (!compiled.ok() || text.data() == nullptr) {
    return std::nullopt;
  }
  const int group = compiled.NumberOfCapturingGroups() > 0 ? 1 : 0;
  std::optional<std::string> found;
  double sum = 0;
  each_match(compiled, text, group, [&](std::string_view match) {
    if (take == "sum") {
      sum += parse_amount(match).value_or(0);
    }
    found = match;
    return take != "first";
  });
  if (found && take == "sum") {
    return fmt::format("{}", sum);
  }
  return found;
}

std::optional<std::string> find_group(const std::string& regex, const std::string& group,
                                      std::string_view text) {
  const RE2 compiled(regex, quiet());
  if (!compiled.ok() || text.data() == nullptr) {
    return std::nullopt;
  }
  const auto& names = compiled.NamedCapturingGroups();
  const auto number = names.find(group);
  if (number == names.end()) {
    return std::nullopt;
  }
  std::optional<std::string> found;
  each_match(compiled, text, number->second, [&](std::string_view match) {
    found = match;
    return false;
  });
  return found;
}

bool has_group(const std::string& regex, const std::string& group) {
  const RE2 compiled(regex, quiet());
  return compiled.ok() && compiled.NamedCapturingGroups().count(group) > 0;
}

}  // namespace darn
