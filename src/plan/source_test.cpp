#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include "plan/reader.hpp"

namespace darn {
namespace {

namespace fs = std::filesystem;
using Format = TaskSource::Format;

class Directory {
 public:
  Directory() {
    std::string pattern = (fs::temp_directory_path() / "darn-reader-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
  }
  ~Directory() { fs::remove_all(root_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / name, std::ios::binary) << text;
    return (root_ / name).string();
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

TEST_CASE("a source is judged before it is parsed") {
  const Directory directory;
  const auto load = [&](const std::string& text) {
    const auto source = load_source(directory.write("t.csv", text));
    const std::string error = source ? "(accepted)" : source.error().text();
    const std::string prefix = (directory.root() / "t.csv").string();
    return error.starts_with(prefix) ? error.substr(prefix.size() + 1) : error;
  };
  CHECK(load("id,command\na,true\n") == "(accepted)");
  CHECK(load("") ==
        "1:1: the file is empty; give it a header such as id,command and a row for each task");
  CHECK(load("\xEF\xBB\xBF").starts_with("1:1: the file is empty"));
  CHECK(load(std::string("id,command\na,\xC3\xA4 tr\0ue\n", 22)) ==
        "2:7: a NUL byte; remove it: a task file is text");
  CHECK(load("id,command\n\xC3\xA4,echo \xFF\n") ==
        "2:8: a byte that is not UTF-8; save the file as UTF-8");
  CHECK(load(std::string("\xFF\xFEi\0d\0", 6)) ==
        "1:1: the file is UTF-16, not UTF-8; save the file as UTF-8");
  const auto nothing = load_source((directory.root() / "nothing.csv").string());
  REQUIRE_FALSE(nothing.has_value());
  CHECK(nothing.error().text().find("nothing.csv: No such file") != std::string::npos);
  const auto folder = load_source(directory.root().string());
  REQUIRE_FALSE(folder.has_value());
  CHECK(folder.error().message == "is a directory");
}

TEST_CASE("the format follows the name, then what the file begins with") {
  const Directory directory;
  const auto format = [&](const std::string& name, const std::string& text) {
    const auto source = load_source(directory.write(name, text));
    REQUIRE(source.has_value());
    CHECK(source->text == text);
    return source->format;
  };
  CHECK(format("t.csv", "tasks:\n") == Format::csv);
  CHECK(format("t.YAML", "id,command\n") == Format::yaml);
  CHECK(format("t.yml", "id,command\n") == Format::yaml);
  CHECK(format("t", "id,command\na,b: c\n") == Format::csv);
  CHECK(format("t", "\n\xEF\xBB\xBF") == Format::csv);
  for (const char* text : {"tasks:\n", "# note\ntasks:\n", "---\ntasks:\n", "\n\nrun: {jobs: 1}\n",
                           "{\"tasks\": []}", "\xEF\xBB\xBFtasks:\n"}) {
    CAPTURE(text);
    CHECK(format("t", text) == Format::yaml);
  }
}

}  // namespace
}  // namespace darn
