// Whether a failure is tried again, and after how long: pure, no clock, thread-safe. The numbers of
// the default are those of DESIGN section 6, as in a run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exec/exec.hpp"

namespace re2 {
class RE2;
}

namespace darn::exec {

struct Failure {
  End end = End::exited;
  int exit_code = -1;
  Category category = Category::unknown;
  std::optional<Duration> ask_again_after;  // what the other side asked for
  std::string text;                         // what was captured
};

struct Next {
  bool again = false;
  Duration delay{};
  int retry = 0;  // which one it would be, and of how many
  int of = 0;
  std::string why;  // not again: one clause
};

class Judge {
 public:
  // Longer than this nobody waits in the foreground; as the policy of a run does.
  static constexpr Duration kLongestWait = std::chrono::hours{6};

  explicit Judge(const Request& request);  // one that check() has passed
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  // After the failures so far, this one the last; `random`: 64 random bits for the jitter.
  // `left`: until the deadline.
  Next next(const Failure& failure, std::uint64_t random, std::optional<Duration> left);
  bool may_retry() const { return most_ > 0; }

 private:
  std::optional<int> retries_for(const Failure& failure, std::string& why) const;
  bool is_named(const Failure& failure) const;

  const Request& request_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  int most_;  // retries in all
  int done_ = 0;
  std::array<int, kCategories> done_by_category_{};
};

}  // namespace darn::exec
