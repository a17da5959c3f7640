// The parts of detect(): one function a language. For dev/ only. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dev/detect.hpp"

namespace darn::dev {

struct Language {
  std::string suffix;               // of names, where there are several languages
  std::string name;                 // for people
  std::vector<std::string> proofs;  // the files that say so
  DevEntries entries;               // lint, test, …; a fallback names another one here

  DevEntry& add(std::string name, std::string run);
  // Downloads: what the network breaks is tried again.
  void add_setup(std::string run);
};
using Found = Result<std::optional<Language>>;

Found cmake(const Files& files);
Found python(const Files& files);
Found node(const Files& files);
Found rust(const Files& files);
Found go(const Files& files);

// Integration tests to unit tests, when what they need is not there; a test that fails is a
// failure.
void falls_back(DevEntry& test);

bool has(const Files& files, const std::string& path);
std::string_view text_of(const Files& files, const std::string& path);
// The first of them that is there; empty: none is.
std::string first_of(const Files& files, const std::vector<std::string>& paths);
// A file below `folder` ("tests/", "" for any) whose name matches.
bool any(const Files& files, std::string_view folder, bool (*name)(std::string_view));
// Is it in a text of any file whose name matches?
bool any_text(const Files& files, bool (*name)(std::string_view), std::string_view part);
std::string_view base_name(std::string_view path);
// As a word, and not behind a '#'.
bool mentions(std::string_view text, std::string_view word);
Result<nlohmann::json> json_of(const Files& files, const std::string& path);

}  // namespace darn::dev
