#include "darn/classify.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>

#include "darn/pipeline.hpp"
#include "support/property.hpp"

using darn::category;
using darn::classify_error;
using darn::error;
using darn::severity;
using darn::test::property;

namespace shop {

struct Declined {  // not derived from std::exception
  int code;
};
darn::error classify_error(const Declined& d) {
  return {.category = d.code == 1 ? category::transient : category::permanent,
          .code = "declined " + std::to_string(d.code)};
}
struct Offline : std::runtime_error {
  Offline() : std::runtime_error("the shop is closed") {}
};
darn::error classify_error(const Offline& e) {
  return {.category = category::network, .message = e.what()};
}
const darn::exception_type<Declined> declined_is_known;
const darn::exception_type<Offline> offline_is_known;

}  // namespace shop

namespace {

template <class E>
error thrown(const E& e) {
  return darn::classify_exception(std::make_exception_ptr(e));
}

struct Hostile : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

}  // namespace

TEST_CASE("exceptions of the standard library") {
  CHECK(thrown(std::bad_alloc()).category == category::resource);
  CHECK(thrown(std::out_of_range("x")).category == category::permanent);
  CHECK(thrown(std::invalid_argument("x")).message == "x");
  CHECK(thrown(std::bad_cast()).category == category::permanent);
  CHECK(thrown(std::bad_optional_access()).category == category::permanent);
  CHECK(thrown(std::runtime_error("x")).category == category::unknown);
  CHECK(thrown(std::runtime_error("connect: Connection refused")).category == category::network);
  CHECK(thrown(std::system_error(ECONNREFUSED, std::generic_category(), "connect")).code ==
        "ECONNREFUSED");
  CHECK(thrown(std::filesystem::filesystem_error("open", {ENOSPC, std::system_category()}))
            .category == category::resource);
  CHECK(thrown(std::future_error(std::future_errc::no_state)).category != category::network);
  CHECK(thrown(std::string("timed out")).category == category::timeout);
  CHECK(thrown(3).message == "an exception of an unknown type");
  CHECK(thrown(3).exception);
  try {
    std::ifstream file;
    file.exceptions(std::ios::failbit);
    file.open("/no/such/file");
    FAIL("opened");
  } catch (const std::exception& e) {
    CHECK_FALSE(classify_error(e).message.empty());
  }
}

TEST_CASE("of nested exceptions the innermost that is understood decides") {
  std::exception_ptr nested;
  try {
    try {
      throw std::system_error(ETIMEDOUT, std::generic_category(), "read");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("cannot load the page"));
    }
  } catch (...) {
    nested = std::current_exception();
  }
  const auto e = darn::classify_exception(nested);
  CHECK(e.category == category::timeout);
  CHECK(e.code == "ETIMEDOUT");
  CHECK(e.message.starts_with("cannot load the page: read"));
  CHECK(e.exception == nested);
}

TEST_CASE("types of one's own, thrown and returned") {
  CHECK(thrown(shop::Declined{1}).category == category::transient);
  CHECK(thrown(shop::Declined{2}).code == "declined 2");
  CHECK(thrown(shop::Offline()).category == category::network);
  const auto p = darn::pipeline();
  CHECK(p.run([]() -> int { throw shop::Declined{1}; }).error().code == "declined 1");
  CHECK(p.run([]() -> darn::expected<int, shop::Declined> {
           return darn::unexpected<shop::Declined>({2});
         })
            .error()
            .code == "declined 2");
  CHECK(p.run([]() -> darn::expected<int, std::errc> {
           return darn::unexpected<std::errc>(std::errc::connection_reset);
         })
            .error()
            .code == "ECONNRESET");
}

TEST_CASE("nothing that is thrown makes it fail") {
  CHECK(thrown(Hostile()).category == category::unknown);
  CHECK(darn::classify_exception(nullptr).category == category::unknown);
}

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
  CHECK(darn::classify_grpc(16).severity == severity::critical);
  CHECK(darn::classify_grpc(99).category == category::unknown);
  CHECK(darn::classify_grpc(-1).category == category::unknown);
}

TEST_CASE("codes of AWS") {
  CHECK(darn::classify_aws("ThrottlingException").category == category::rate_limit);
  CHECK(darn::classify_aws("SomethingThrottledException", 400).category == category::rate_limit);
  CHECK(darn::classify_aws("InternalServerException", 500).category == category::transient);
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
  CHECK(darn::classify_message("first\nsecond").message == "first");
  property("no text makes it fail", [](const std::string& text) {
    (void)darn::classify_message(text);
    (void)darn::classify_grpc(text);
    (void)darn::classify_aws(text);
  });
}
