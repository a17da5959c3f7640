// The library's classify_message() and the runner's diagnosis read the same words: they must not
// disagree about what to do.
#include "resilience/phrases.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <system_error>

#include "darn/classify.hpp"
#include "diagnose/texts_table.hpp"
#include "resilience/codes.hpp"

using namespace darn;
using darn::test::diagnose_output;

namespace {

// In the message of an exception these words are the failure; in the output of a program, which is
// all sorts of talk, they are too little to decide by: there the diagnosis says unknown.
constexpr auto kTooLittleInOutput = std::to_array<std::string_view>({
    "rate limit",       "rate-limit",         "ratelimit",         "throttl",
    "timeout",          "time-out",           "connection closed", "closed connection",
    "broken pipe",      "failed to connect",  "is overloaded",     "could not resolve",
    "couldn't resolve", "in name resolution", "could not connect", "couldn't connect",
    "unauthenticated",  "forbidden",          "does not exist",    "already exists",
    "bad request",      "not implemented",    "not supported",     "unsupported",
});
// A task's timeout is that of its own time; a connection's belongs to the network there. Both are
// tried again. The library has but the call, and that got no answer in time.
constexpr std::string_view kNetworkInOutput = "connection timed out";

bool is_one_of(std::string_view text, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string without_stars(std::string_view phrase) {
  std::string words(phrase);
  std::erase(words, '*');
  return words;
}

// As it is printed: names of statuses in capitals, and something before it, because "FAILED x" at
// the beginning of a line is a test.
void check_same(const std::string& text) {
  std::string lower = text;
  std::string shown = text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    lower[i] = static_cast<char>(std::tolower(c));
    shown[i] = text.find('_') == std::string::npos ? text[i] : static_cast<char>(std::toupper(c));
  }
  auto expected = classify_message(text).category;
  expected = is_one_of(lower, kTooLittleInOutput) ? category::unknown : expected;
  expected = lower == kNetworkInOutput ? category::network : expected;
  const Diagnosis d = diagnose_output("client: " + shown);
  CHECK_MESSAGE(d.category == expected, text, ": expected ", std::string(to_string(expected)),
                ", diagnosis ", std::string(to_string(d.category)), " by ", d.rule);
}

}  // namespace

TEST_CASE("each phrase of the library is read the same way by the diagnosis") {
  for (const auto& phrase : tables::phrases()) {
    check_same(without_stars(phrase.words));
  }
}

TEST_CASE("so is each text of an errno that the library's words know") {
  constexpr int kBeyondAll = 200;
  for (int number = 1; number < kBeyondAll; ++number) {
    if (tables::error_number(number) == nullptr) {
      continue;
    }
    const auto text = std::generic_category().message(number);
    const auto by_words = classify_message(text).category;
    if (by_words != category::unknown) {
      check_same(text);
      CHECK_MESSAGE(by_words == classify_errno(number).category, text);
    }
  }
}
