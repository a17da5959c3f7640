// The flags of darn dev. A part of parse.cpp.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/parse_flags.hpp"

namespace darn::cli {

struct DevFlags {
  DevOptions options;

  void declare(CLI::App* sub) {
    DevOptions& o = options;
    sub->add_option("NAME", o.names, "Of [dev] in darn.toml, in this order (default: list them)")
        ->type_name("")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    sub->add_flag("--keep-going", o.keep_going, "Run the rest also after a failure");
    sub->add_flag("--fail-on-healed", o.fail_on_healed,
                  "Exit with 1 also when one succeeded only by a retry or a fallback");
    json(sub, o.json, "What happened as one line of JSON at the end of standard error");
    sub->add_flag("-n,--dry-run", o.dry_run, "Print what would run, or what --init would write");
    sub->add_flag("--list", o.list, "Show the names, with their help or command");
    sub->add_flag("--init", o.init, "Look at the project, and write a [dev] for it");
  }

  // What the flags mean together, with the words behind "--".
  static Status finish(DevOptions& o, std::vector<std::string> args) {
    o.args = std::move(args);
    if (o.list && o.init) {
      return fail(ErrorKind::usage, "only one of --list and --init can be given", "leave one out");
    }
    if ((o.list || o.init) && !(o.names.empty() && o.args.empty())) {
      return fail(ErrorKind::usage, std::string(o.list ? "--list" : "--init") + " takes no NAME",
                  "leave one of them out");
    }
    if (!o.args.empty() && o.names.size() != 1) {
      return fail(ErrorKind::usage, "what stands behind '--' is for one NAME",
                  "darn dev [OPTIONS] NAME -- ARGUMENT…");
    }
    return {};
  }
};

}  // namespace darn::cli
