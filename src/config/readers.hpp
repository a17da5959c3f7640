// The parts of apply_config; for config/ only.
#pragma once

#include "config/node.hpp"

namespace darn {

Status read_run(const Node& node, RunSettings& settings);
Status read_policy(const Node& node, Policy& policy);
Status read_agents(const Node& node, RunSettings& settings);
Status read_defaults(const Node& node, RunSettings& settings);
Status read_pools(const Node& node, RunSettings& settings);

// The keys of [run].
std::vector<std::string> run_keys();

// Sets an enumeration; `none` is no word of a user's.
template <class E, class Out>
Setter into_kind(Out& out, std::vector<std::string> choices) {
  return [&out, choices = std::move(choices)](const Node& node) -> Status {
    std::string word;
    DARN_TRY(into_choice(word, choices)(node));
    out = *parse_kind<E>(word);
    return {};
  };
}
std::vector<std::string> category_words();

}  // namespace darn
