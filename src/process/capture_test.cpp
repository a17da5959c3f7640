#include "process/capture.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "process/output.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

// Segments in a directory of their own, and what a job's stream was described as.
struct Folder {
  Folder() {
    path = (std::filesystem::temp_directory_path() / "darn-capture-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    dir.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  OutputRef capture(Segment& segment, std::uint64_t limit, const std::string& text,
                    std::size_t chunk) {
    Capture capture;
    StreamRecord r;
    capture.begin(segment, limit, r);
    for (std::size_t at = 0; at < text.size(); at += chunk) {
      capture.write(text.data() + at, std::min(chunk, text.size() - at));
    }
    capture.finish();
    RecordBody body;
    body.out = r;
    return outcome_of(body, 0).out;
  }
  std::string read(const OutputRef& ref) {
    std::string all;
    CHECK(read_output(path, ref, [&](std::string_view part) { all += part; }));
    return all;
  }

  std::string path;
  Fd dir;
  std::uint32_t number = 0;
};

std::string pattern(std::size_t size, unsigned seed) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + (i * 7 + i / 26 + seed) % 26);
  }
  return text;
}

std::string test_slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What the contract says is kept.
std::string expected(const std::string& text, std::uint64_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  const std::uint64_t head = limit / 2;
  return text.substr(0, head) + "\n[darn: " + std::to_string(text.size() - limit) +
         " bytes dropped]\n" + text.substr(text.size() - (limit - head));
}

TEST_CASE("any size under any limit keeps exactly the first and the last bytes") {
  test::property("several streams, one segment", [] {
    Folder folder;
    Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
    std::vector<std::pair<OutputRef, std::string>> kept;
    const int streams = *rc::gen::inRange(1, 4);
    for (int i = 0; i < streams; ++i) {
      const auto size = *rc::gen::inRange<std::size_t>(0, 300);
      const auto limit = *rc::gen::inRange<std::uint64_t>(0, 200);
      const auto chunk = *rc::gen::inRange<std::size_t>(1, 100);
      const std::string text = pattern(size, static_cast<unsigned>(i));
      kept.emplace_back(folder.capture(segment, limit, text, chunk), expected(text, limit));
      RC_ASSERT(kept.back().first.size() == size);
      RC_ASSERT(kept.back().first.head + kept.back().first.tail <= limit);
    }
    for (const auto& [ref, text] : kept) {  // a later stream overwrites no earlier one
      RC_ASSERT(folder.read(ref) == text);
    }
  });
}

TEST_CASE("head and tail of what was kept") {
  Folder folder;
  Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
  const std::string text = pattern(1000, 3);
  const OutputRef whole = folder.capture(segment, 2000, text, 100);
  const OutputRef cut = folder.capture(segment, 300, text, 7);
  for (const std::size_t n : {0UL, 1UL, 100UL, 150UL, 999UL, 1000UL, 5000UL}) {
    CAPTURE(n);
    const std::size_t kept = std::min<std::size_t>(n, 1000);
    CHECK(*read_output_head(folder.path, whole, n) == text.substr(0, kept));
    CHECK(*read_output_tail(folder.path, whole, n) == text.substr(1000 - kept));
    const std::size_t half = std::min<std::size_t>(n, 150);
    CHECK(*read_output_head(folder.path, cut, n) == text.substr(0, half));
    CHECK(*read_output_tail(folder.path, cut, n) == text.substr(1000 - half));
  }
}

TEST_CASE("nothing captured reads as nothing, a missing segment says so") {
  CHECK(*read_output_tail("/nowhere", OutputRef{}, 10) == "");
  const auto missing = read_output_head("/nowhere", {.file = "slot-0.out", .head = 3}, 10);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message ==
        "the output in /nowhere/slot-0.out is gone: the file is not there");
}

TEST_CASE("a segment goes on where an earlier shim stopped, and rolls over when it is large") {
  Folder folder;
  OutputRef first;
  OutputRef second;
  {
    Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
    first = folder.capture(segment, 100, "first", 5);
  }
  Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
  second = folder.capture(segment, 100, "second", 6);
  CHECK(folder.read(first) == "first");
  CHECK(folder.read(second) == "second");
  CHECK(second.file == first.file);
  segment.advance(Segment::kRoll);
  const OutputRef third = folder.capture(segment, 100, "third", 5);
  CHECK(third.file == "slot-0.1.out");
  CHECK(folder.number == 1);
  CHECK(folder.read(third) == "third");
}

TEST_CASE("output that finds no place is counted as dropped") {
  Folder folder;
  Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
  std::filesystem::create_directory(folder.path + "/slot-0.out");  // cannot be opened for writing
  const OutputRef ref = folder.capture(segment, 100, "gone", 4);
  CHECK(ref.file.empty());
  CHECK(ref.dropped == 4);
  CHECK(ref.unwritten == 4);
  const Status whole = check_output(folder.path, ref);
  REQUIRE(!whole);
  CHECK(whole.error().message ==
        "the output is incomplete: the disk had no room for 4 bytes of it");
}

TEST_CASE("a disk that is full in the middle: what found its place is there, the rest is counted") {
  Folder folder;
  Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
  folder.capture(segment, 100'000, pattern(1000, 1), 100);
  // The same error path as a full disk: no file may grow beyond this.
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit limit = before;
  limit.rlim_cur = 1500;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const OutputRef cut = folder.capture(segment, 100'000, pattern(2000, 2), 64);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, old_action);
  CHECK(cut.head == 500);
  CHECK(cut.dropped == 1500);
  CHECK(cut.unwritten == 1500);
  CHECK(folder.read(cut) == pattern(2000, 2).substr(0, 500) + "\n[darn: 1500 bytes dropped]\n");
  CHECK_FALSE(check_output(folder.path, cut));
  const OutputRef next = folder.capture(segment, 100'000, pattern(300, 3), 300);
  CHECK(folder.read(next) == pattern(300, 3));
  CHECK(check_output(folder.path, next));
}

TEST_CASE("damage to a segment is noticed: its length, its bytes, whose it is") {
  Folder folder;
  Segment segment(folder.dir.get(), 0, StreamRecord::out, folder.number);
  folder.capture(segment, 1000, "before", 3);
  // Short ones and those with a tail, in pieces of every size.
  for (std::size_t size = 1; size < 400; size += 7) {
    CAPTURE(size);
    const OutputRef ref = folder.capture(segment, 200, pattern(size, 5), 1 + size % 23);
    CHECK(check_output(folder.path, ref));
    CHECK(readable_size(ref) == folder.read(ref).size());
    const std::string path = folder.path + "/slot-0.out";
    std::string bytes = test_slurp(path);
    const auto at = static_cast<std::size_t>(ref.offset) + size / 3 % ref.head;
    std::swap(bytes[at], bytes[0]);
    if (bytes[at] != bytes[0]) {
      std::ofstream(path, std::ios::binary) << bytes;
      const Status wrong = check_output(folder.path, ref);
      REQUIRE(!wrong);
      CHECK(wrong.error().message ==
            "the output in " + path + " is not what was written there: its checksum differs");
      CHECK(check_output_length(folder.path, ref));
    }
    std::swap(bytes[at], bytes[0]);
    std::ofstream(path, std::ios::binary) << bytes;
    std::filesystem::resize_file(path, bytes.size() - 1);
    const Status cut = check_output_length(folder.path, ref);
    REQUIRE(!cut);
    CHECK(cut.error().message ==
          "the output in " + path + " is cut short: 1 bytes of it are missing");
    std::ofstream(path, std::ios::binary) << bytes;
  }
  CHECK(check_output(folder.path, OutputRef{}));
}

}  // namespace
}  // namespace darn
