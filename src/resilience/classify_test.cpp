#include "darn/classify.hpp"

#include <cerrno>
#include <csignal>
#include <future>

#include "support/property.hpp"

using darn::category;
using darn::classify_error;
using darn::severity;
using darn::test::property;

namespace {

class odd_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "odd"; }
  std::string message(int value) const override {
    return value == 1 ? "peer says: too many requests" : "odd";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    return value == 2 ? std::make_error_condition(std::errc::timed_out)
                      : std::error_condition(value, *this);
  }
};
const odd_category kOdd;

}  // namespace

TEST_CASE("codes of the system") {
  CHECK(darn::classify_errno(ECONNREFUSED).category == category::network);
  CHECK_FALSE(darn::classify_errno(ECONNREFUSED).ambiguous);
  CHECK(darn::classify_errno(ECONNRESET).ambiguous);
  CHECK(darn::classify_errno(ETIMEDOUT).category == category::timeout);
  CHECK(darn::classify_errno(EMFILE).category == category::resource);
  CHECK(darn::classify_errno(EACCES).category == category::permanent);
  CHECK(darn::classify_errno(99999).category == category::unknown);
  CHECK(classify_error(std::make_error_code(std::errc::host_unreachable)).category ==
        category::network);
  CHECK(classify_error(std::make_error_condition(std::errc::not_enough_memory)).category ==
        category::resource);
  CHECK(darn::classify_errno(EPIPE).ambiguous);
  CHECK_FALSE(darn::classify_errno(EHOSTUNREACH).ambiguous);
  CHECK(darn::classify_errno(EEXIST).category == category::permanent);
  CHECK(darn::classify_errno(EPROTO).code == "EPROTO");
  CHECK(darn::classify_errno(EIO).severity == severity::critical);
  // Categories of others: by what they are equivalent to, else by their words.
  CHECK(classify_error(std::error_code(2, kOdd)).code == "ETIMEDOUT");
  CHECK(classify_error(std::error_code(2, kOdd)).message == "odd");
  CHECK(classify_error(std::error_code(1, kOdd)).category == category::rate_limit);
  CHECK(classify_error(std::error_code(1, kOdd)).code == "odd 1");
  CHECK(classify_error(std::error_code(3, kOdd)).category == category::unknown);
  CHECK(classify_error(std::make_error_code(std::io_errc::stream)).code == "iostream");
  property("any errno has a code and words", [](int number) {
    const auto e = darn::classify_errno(number);
    RC_ASSERT(!e.code.empty() && !e.message.empty());
  });
}

TEST_CASE("statuses of HTTP") {
  const auto kind = [](int status) { return darn::classify_http(status).category; };
  CHECK(kind(429) == category::rate_limit);
  for (const int status : {408, 500, 502, 503, 504, 521, 599}) {
    CHECK(kind(status) == category::transient);
  }
  for (const int status : {400, 401, 403, 404, 410, 422, 451, 499, 501}) {
    CHECK(kind(status) == category::permanent);
  }
  CHECK(kind(200) == category::unknown);
  CHECK(darn::classify_http(504).ambiguous);
  CHECK_FALSE(darn::classify_http(503).ambiguous);
  CHECK_FALSE(darn::classify_http(429).ambiguous);
  for (const int status : {500, 502, 504, 520, 524, 599}) {
    CHECK(darn::classify_http(status).ambiguous);
  }
  for (const int status : {404, 408, 501, 505, 507, 509, 521, 523, 529}) {
    CHECK_FALSE(darn::classify_http(status).ambiguous);
  }
  CHECK(darn::classify_http(503, "30").retry_after == std::chrono::seconds{30});
  CHECK(darn::classify_http(503, "soon").retry_after == std::nullopt);
}

TEST_CASE("statuses of gRPC") {
  CHECK(darn::classify_grpc(14).code == "UNAVAILABLE");
  CHECK(darn::classify_grpc(14).category == category::transient);
  CHECK(darn::classify_grpc("Unavailable").category == category::transient);
  CHECK(darn::classify_grpc(8).category == category::rate_limit);
  CHECK(darn::classify_grpc(4).category == category::timeout);
  CHECK(darn::classify_grpc(4).ambiguous);
  CHECK(darn::classify_grpc(9).category == category::permanent);
  CHECK(darn::classify_grpc(10).category == category::transient);  // ABORTED: one level up
  CHECK_FALSE(darn::classify_grpc(10).ambiguous);
  CHECK(darn::classify_grpc(14).ambiguous);
  CHECK_FALSE(darn::classify_grpc(8).ambiguous);
  CHECK(darn::classify_grpc(6).category == category::permanent);
  CHECK(darn::classify_grpc(16).severity == severity::critical);
  CHECK(darn::classify_grpc(99).category == category::unknown);
  CHECK(darn::classify_grpc(-1).category == category::unknown);
}

TEST_CASE("codes of AWS") {
  CHECK(darn::classify_aws("ThrottlingException").category == category::rate_limit);
  CHECK(darn::classify_aws("SomethingThrottledException", 400).category == category::rate_limit);
  CHECK(darn::classify_aws("InternalServerException", 500).category == category::transient);
  CHECK(darn::classify_aws("InternalServerException").ambiguous);
  CHECK_FALSE(darn::classify_aws("ThrottlingException", 500).ambiguous);
  CHECK(darn::classify_aws("NeverHeardOf", 500).ambiguous);
  CHECK(darn::classify_aws("com.amazonaws.x.v20120810#ThrottlingException:http://x/").code ==
        "ThrottlingException");
  CHECK(darn::classify_aws("NeverHeardOf", 503).category == category::transient);
  CHECK(darn::classify_aws("NeverHeardOf", 400).category == category::permanent);
  CHECK(darn::classify_aws("NeverHeardOf").category == category::unknown);
  CHECK(darn::classify_aws("AccessDeniedException", 403).category == category::permanent);
}

TEST_CASE("ends of processes") {
  CHECK(darn::classify_exit(75).category == category::transient);
  CHECK(darn::classify_exit(124).category == category::timeout);
  CHECK(darn::classify_exit(127).category == category::permanent);
  CHECK(darn::classify_exit(1).category == category::unknown);
  CHECK(darn::classify_exit(137).category == category::resource);
  CHECK(darn::classify_signal(SIGKILL).category == category::resource);
  CHECK(darn::classify_signal(SIGTERM).category == category::transient);
  CHECK(darn::classify_signal(SIGTERM).ambiguous);
}

TEST_CASE("words, when there is nothing else") {
  const auto kind = [](std::string_view text) { return darn::classify_message(text).category; };
  CHECK(kind("curl: (7) Failed to connect to example.org port 443") == category::network);
  CHECK(kind("Rate limit reached for requests") == category::rate_limit);
  CHECK(kind("server answered with HTTP/1.1 503") == category::transient);
  CHECK(kind("status code: 429") == category::rate_limit);
  CHECK(kind("http://127.0.0.1:8080/404x is fine") == category::unknown);
  CHECK(kind("No space left on device") == category::resource);
  CHECK(kind("permission denied (publickey)") == category::permanent);
  CHECK(kind("") == category::unknown);
  CHECK(kind("HTTP 404 Not Found") == category::permanent);
  CHECK(kind("statusCode=502") == category::transient);
  CHECK(kind("connect via http port 443") == category::unknown);
  CHECK(kind("https://host:443/x") == category::unknown);
  CHECK(kind("took 429 ms, status of 500 items") == category::unknown);
  CHECK(kind("Request TimeoutException") == category::timeout);
  CHECK(kind("forbiddenly") == category::unknown);
  CHECK(kind("ThrottlingException: slow down") == category::rate_limit);
  CHECK(kind("(1205, 'Lock wait timeout exceeded')") == category::transient);
  CHECK(kind("Disk quota exceeded") == category::resource);
  const auto after = [](std::string_view text) { return darn::classify_message(text).retry_after; };
  CHECK(after("429; Retry-After: 120") == std::chrono::seconds{120});
  CHECK(after("Please try again in 1.5s.") == std::chrono::milliseconds{1500});
  CHECK(after("too many requests, retry in 250 ms") == std::chrono::milliseconds{250});
  CHECK(after("retry after 2 minutes") == std::chrono::minutes{2});
  CHECK(after("retry after 5 apples") == std::nullopt);
  CHECK(*after("retry after 99999999 h") > std::chrono::hours{24 * 365 * 200});
  CHECK(after("retry-after: 99999999999999") == std::nullopt);
  CHECK(after("not found, retry after 5 s") == std::nullopt);  // nobody waits for that
  CHECK(darn::classify_message("first\nsecond").message == "first");
  property("no text makes it fail", [](const std::string& text) {
    (void)darn::classify_message(text);
    (void)darn::classify_grpc(text);
    (void)darn::classify_aws(text);
  });
}
