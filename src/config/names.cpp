// Which names a task's fields and parameters may have.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/fields.hpp"

namespace darn {
namespace {

// Reserved for later; refused rather than ignored.
constexpr std::array<std::string_view, 6> kMeaningless{"repair", "deliver", "cpus",
                                                       "mem",    "gpus",    "walltime"};

// Variables that shells, loaders and language runtimes read, or that shells set themselves: as a
// parameter they would change how a task runs, or not arrive.
constexpr std::array kDangerous = std::to_array<std::string_view>({"_",
                                                                   "PATH",
                                                                   "IFS",
                                                                   "ENV",
                                                                   "HOME",
                                                                   "SHELL",
                                                                   "USER",
                                                                   "LOGNAME",
                                                                   "TMPDIR",
                                                                   "TERM",
                                                                   "CDPATH",
                                                                   "PWD",
                                                                   "OLDPWD",
                                                                   "SHLVL",
                                                                   "PPID",
                                                                   "UID",
                                                                   "EUID",
                                                                   "OPTIND",
                                                                   "OPTARG",
                                                                   "RANDOM",
                                                                   "SECONDS",
                                                                   "LINENO",
                                                                   "PS1",
                                                                   "PS2",
                                                                   "PS3",
                                                                   "PS4",
                                                                   "PROMPT_COMMAND",
                                                                   "SHELLOPTS",
                                                                   "BASHOPTS",
                                                                   "GLOBIGNORE",
                                                                   "FPATH",
                                                                   "ZDOTDIR",
                                                                   "INPUTRC",
                                                                   "LOCPATH",
                                                                   "GCONV_PATH",
                                                                   "NLSPATH",
                                                                   "GETCONF_DIR",
                                                                   "HOSTALIASES",
                                                                   "LOCALDOMAIN",
                                                                   "RES_OPTIONS",
                                                                   "RESOLV_HOST_CONF",
                                                                   "GLIBC_TUNABLES",
                                                                   "PERLLIB",
                                                                   "NODE_OPTIONS",
                                                                   "NODE_PATH",
                                                                   "RUBYOPT",
                                                                   "RUBYLIB",
                                                                   "JAVA_TOOL_OPTIONS",
                                                                   "_JAVA_OPTIONS",
                                                                   "JDK_JAVA_OPTIONS",
                                                                   "CLASSPATH",
                                                                   "PHPRC",
                                                                   "PHP_INI_SCAN_DIR",
                                                                   "LUA_PATH",
                                                                   "LUA_CPATH",
                                                                   "LUA_INIT",
                                                                   "TCLLIBPATH",
                                                                   "R_PROFILE",
                                                                   "R_ENVIRON",
                                                                   "OPENSSL_CONF",
                                                                   "OPENSSL_MODULES",
                                                                   "EDITOR",
                                                                   "VISUAL",
                                                                   "PAGER",
                                                                   "BROWSER",
                                                                   "LESSOPEN",
                                                                   "LESSCLOSE",
                                                                   "MAKEFLAGS",
                                                                   "MFLAGS",
                                                                   "GNUMAKEFLAGS",
                                                                   "MAKEFILES"});
constexpr std::array<std::string_view, 9> kDangerousPrefixes{
    "LD_", "DYLD_", "BASH_", "MALLOC_", "PYTHON", "PERL5", "GIT_", "KRB5_", "LC_"};

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool is_dangerous(std::string_view name) {
  return std::find(kDangerous.begin(), kDangerous.end(), name) != kDangerous.end() ||
         std::any_of(kDangerousPrefixes.begin(), kDangerousPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// "my col" -> "my_col"
std::string as_variable(std::string_view name) {
  std::string out = env_name(trim(name));
  if (out.empty() || !starts_name(out[0])) {
    out.insert(0, "p_");
  }
  return out;
}

std::string near_miss(std::string_view name, bool cell_only) {
  constexpr std::size_t kLeast = 5;
  if (name.size() < kLeast) {
    return {};
  }
  std::vector<std::string> known = task_fields(cell_only);
  known.insert(known.end(), kMeaningless.begin(), kMeaningless.end());
  for (const std::string& field : known) {
    if (edit_distance(name, field) == 1) {
      return field;
    }
  }
  return {};
}

Result<FieldName> classify_env(std::string_view variable, std::string_view word) {
  if (!is_variable(variable)) {
    return fail(ErrorKind::bad_input,
                fmt_column(word, "env." + std::string{variable}) + " names no variable",
                "use letters, digits and '_' after 'env.', no digit first");
  }
  if (variable.starts_with("DARN_")) {
    return fail(ErrorKind::bad_input,
                fmt_column(word, "env." + std::string{variable}) + " would hide one of darn's own",
                "use a name that does not begin with DARN_");
  }
  return FieldName{FieldName::Kind::env, std::string{variable}};
}

}  // namespace

bool is_variable(std::string_view name) {
  return !name.empty() && starts_name(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
    return starts_name(c) || (c >= '0' && c <= '9');
  });
}

std::string fmt_column(std::string_view word, std::string_view name) {
  return std::string{word} + " " + quote(name);
}

Result<FieldName> classify_field(std::string_view name, bool cell_only) {
  const std::string_view word = cell_only ? "column" : "key";
  const auto refuse = [&](const std::string& what, std::string mend) {
    return fail(ErrorKind::bad_input, fmt_column(word, name) + what, std::move(mend));
  };
  if (name == "task") {
    return FieldName{FieldName::Kind::reserved, "prompt"};
  }
  const std::vector<std::string>& fields = task_fields(cell_only);
  if (std::find(fields.begin(), fields.end(), name) != fields.end()) {
    return FieldName{FieldName::Kind::reserved, std::string{name}};
  }
  if (std::find(kMeaningless.begin(), kMeaningless.end(), name) != kMeaningless.end()) {
    return refuse(" is reserved and has no meaning yet", "rename it");
  }
  if (name.starts_with("env.")) {
    return classify_env(name.substr(4), word);
  }
  if (const std::string near = near_miss(name, cell_only); !near.empty()) {
    return fail(ErrorKind::bad_input, "unknown " + fmt_column(word, name),
                "did you mean '" + near + "'? A parameter needs a name less like it");
  }
  if (!is_variable(name)) {
    return refuse(" cannot be the name of a variable, which a parameter becomes",
                  "rename it to '" + as_variable(name) + "'");
  }
  if (is_dangerous(name)) {
    return refuse(" has the name of a variable that shells or loaders read",
                  "rename it, or write 'env." + std::string{name} + "' if that is what you mean");
  }
  if (name.starts_with("DARN_")) {
    return refuse(" has the name of a variable of darn's own",
                  "use a name that does not begin with DARN_");
  }
  return FieldName{FieldName::Kind::parameter, std::string{name}};
}

}  // namespace darn
