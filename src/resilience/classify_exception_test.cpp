#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <regex>
#include <thread>
#include <variant>
#include <vector>

#include "darn/classify.hpp"
#include "darn/pipeline.hpp"
#include "darn/retry.hpp"
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
// A result that is a failure although nothing was thrown.
struct Receipt {
  bool paid = true;
};
std::optional<darn::error> classify_result(const Receipt& r) {
  return r.paid ? std::nullopt
                : std::optional(darn::error{.category = category::transient, .code = "unpaid"});
}
struct Vague : std::exception {};  // whose own classification fails
darn::error classify_error(const Vague&) { throw std::runtime_error("no idea"); }
const darn::exception_type<Vague> vague_is_known;
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

struct Uncopyable {  // copying it throws
  Uncopyable() = default;
  Uncopyable(const Uncopyable& other) : armed(other.armed) {
    if (armed) {
      throw std::runtime_error("copied");
    }
  }
  Uncopyable& operator=(const Uncopyable&) = delete;
  bool armed = true;
};

struct UncopyableText : std::runtime_error {
  UncopyableText() : std::runtime_error("connection reset by peer") {}
  UncopyableText(const UncopyableText& other) : std::runtime_error(other) {
    throw std::bad_alloc();
  }
  UncopyableText& operator=(const UncopyableText&) = delete;
};

template <class F>
std::exception_ptr caught(F f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// The inner call's exception wrapped in one with these words.
template <class E = std::runtime_error, class F>
void wrap(const char* what, F inner) {
  try {
    inner();
  } catch (...) {
    std::throw_with_nested(E(what));
  }
}

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
  CHECK(thrown(std::regex_error(std::regex_constants::error_brack)).category ==
        category::permanent);
  CHECK(thrown(std::bad_weak_ptr()).category == category::permanent);
  CHECK(thrown(std::bad_variant_access()).category == category::permanent);
  CHECK(thrown(std::bad_array_new_length()).category == category::permanent);
  CHECK(thrown(std::overflow_error("x")).category == category::permanent);
  CHECK(thrown(std::bad_alloc()).severity == severity::high);
  CHECK_FALSE(thrown(std::bad_alloc()).ambiguous);
  const auto broken = thrown(std::future_error(std::future_errc::broken_promise));
  CHECK(broken.category == category::unknown);
  CHECK(broken.code == "broken_promise");
  CHECK(broken.ambiguous);
  CHECK(thrown(std::future_error(std::future_errc::no_state)).category == category::permanent);
  CHECK(thrown(std::make_error_code(std::errc::broken_pipe)).ambiguous);
  CHECK(thrown(std::make_error_condition(std::errc::broken_pipe)).code == "EPIPE");
  const error own{
      .category = category::rate_limit, .code = "mine", .retry_after = std::chrono::seconds{3}};
  CHECK(thrown(darn::failure(own)).code == "mine");
  CHECK(thrown(darn::failure(own)).retry_after == std::chrono::seconds{3});
  CHECK(thrown(own).category == category::rate_limit);
  CHECK(thrown(static_cast<const char*>(nullptr)).category == category::unknown);
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

TEST_CASE("how nested exceptions are looked through") {
  const auto reset = [] { throw std::system_error(ECONNRESET, std::generic_category(), "read"); };
  // Words in the middle give way to the code below them; an outer one that is understood decides.
  auto e =
      darn::classify_exception(caught([&] { wrap("job", [&] { wrap("it timed out", reset); }); }));
  CHECK(e.code == "ECONNRESET");
  CHECK(e.ambiguous);
  CHECK(darn::classify_exception(caught([&] {
          wrap<std::logic_error>("misuse", reset);
        })).category == category::permanent);
  // Below words that are understood nothing else is.
  e = darn::classify_exception(
      caught([] { wrap("job", [] { wrap("it timed out", [] { throw 3; }); }); }));
  CHECK(e.category == category::timeout);
  CHECK(e.message == "job: it timed out");
  // By reference, and to a type that is registered.
  try {
    wrap("pay", [] { throw shop::Declined{1}; });
  } catch (const std::exception& outer) {
    CHECK(classify_error(outer).code == "declined 1");
  }
  // One that is not derived from std::exception may carry another too.
  struct Plain {};
  e = darn::classify_exception(caught([&] {
    try {
      reset();
    } catch (...) {
      std::throw_with_nested(Plain{});
    }
  }));
  CHECK(e.code == "ECONNRESET");
  // However deep: it ends.
  std::function<void(int)> deep = [&](int n) {
    if (n == 0) {
      reset();
    }
    wrap("x", [&] { deep(n - 1); });
  };
  e = darn::classify_exception(caught([&] { deep(100); }));
  CHECK(e.category == category::unknown);
  CHECK(e.exception);
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

TEST_CASE("a result that is a failure") {
  CHECK(darn::pipeline().run([] { return shop::Receipt{}; }).has_value());
  const auto unpaid = darn::pipeline().run([] { return shop::Receipt{.paid = false}; });
  REQUIRE_FALSE(unpaid);
  CHECK(unpaid.error().code == "unpaid");
  CHECK_FALSE(unpaid.error().exception);
  int calls = 0;
  const auto later =
      darn::pipeline(darn::retry({.max_attempts = 3, .backoff = darn::backoff::constant({})}))
          .run([&] { return shop::Receipt{.paid = ++calls == 2}; });
  CHECK(later.has_value());
  CHECK(calls == 2);
}

TEST_CASE("threads may classify while types are registered") {
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        if (t == 0 && i % 20 == 0) {
          const darn::exception_type<shop::Offline> again;
        }
        wrong += thrown(shop::Declined{1}).code == "declined 1" ? 0 : 1;
      }
    });
  }
  threads.clear();
  CHECK(wrong == 0);
}

TEST_CASE("nothing that is thrown makes it fail") {
  // What is thrown in place of it, or the thing itself: never a second exception.
  CHECK(darn::classify_exception(caught([] { throw Uncopyable(); })).category == category::unknown);
  CHECK(darn::classify_exception(caught([] { throw UncopyableText(); })).code.empty());
  CHECK(darn::classify_exception(caught([] { throw UncopyableText(); })).category ==
        category::network);
  CHECK(thrown(shop::Vague()).category == category::unknown);
  CHECK(thrown(shop::Vague()).exception);
  property("no words, of whatever exception", [](const std::string& text, int code) {
    (void)thrown(std::runtime_error(text));
    (void)thrown(text);
    (void)thrown(std::system_error(code, std::system_category(), text));
    (void)classify_error(std::error_code(code, std::iostream_category()));
    (void)classify_error(std::error_code(code, std::future_category()));
    (void)classify_error(std::error_condition(code, std::future_category()));
    (void)darn::classify_exit(code);
    (void)darn::classify_signal(code);
    (void)darn::classify_http(code, text);
    (void)darn::classify_grpc(code);
  });
  CHECK(thrown(Hostile()).category == category::unknown);
  CHECK(darn::classify_exception(nullptr).category == category::unknown);
}
