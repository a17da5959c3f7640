// Command text to argv: no shell when the text needs none. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace darn {

// Plain words and simple quotes ('…', "…" without $ ` \, backslash before a plain character) are
// split as the shell would; anything else (operators, expansions, globs, assignments, builtins such
// as cd, exit, export, reserved words) becomes shell_argv(text).
std::vector<std::string> command_argv(std::string_view text);

// {"/bin/sh", "-c", text}, whatever the text begins with.
std::vector<std::string> shell_argv(std::string_view text);

// One word, as a shell reads it back.
std::string shell_quote(std::string_view word);

}  // namespace darn
