// What to do about a failure depends on what it is. darn knows exceptions, errno, HTTP, gRPC, AWS
// and the words of messages; a type of your own is taught by one function beside it.
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include <darn/classify.hpp>
#include <darn/pipeline.hpp>
#include <darn/retry.hpp>
#include <darn/with_retry.hpp>

using namespace std::chrono_literals;

namespace shop {

struct Response {
  int status;
  std::string retry_after;
};

// Found by its argument: a result that is a failure, although nobody threw.
std::optional<darn::error> classify_result(const Response& r) {
  if (r.status < 400) {
    return std::nullopt;
  }
  return darn::classify_http(r.status, r.retry_after);
}

}  // namespace shop

void show(const char* what, const darn::error& e) {
  std::printf("%-22s %-10s %-9s%s\n", what, darn::to_string(e.category).data(),
              darn::should_retry(e) ? "retry" : "give up", e.ambiguous ? " may have happened" : "");
}

int main() {
  show("errno ECONNREFUSED", darn::classify_errno(ECONNREFUSED));
  show("errno ECONNRESET", darn::classify_errno(ECONNRESET));
  show("HTTP 404", darn::classify_http(404));
  show("HTTP 429", darn::classify_http(429, "2"));
  show("gRPC UNAVAILABLE", darn::classify_grpc("UNAVAILABLE"));
  show("AWS throttling", darn::classify_aws("ThrottlingException", 400));
  show("exit status 137", darn::classify_exit(137));
  show("\"too many open files\"", darn::classify_message("too many open files"));
  try {
    (void)std::filesystem::file_size("/no/such/file");
  } catch (const std::exception& e) {
    show("filesystem_error", darn::classify_error(e));
  }

  int calls = 0;
  const auto policy =
      darn::pipeline(darn::retry({.max_attempts = 3, .backoff = darn::backoff::constant(10ms)}));
  const auto response = policy.run([&] { return shop::Response{++calls < 3 ? 503 : 200, ""}; });
  std::printf("status %d after %d calls\n", response->status, calls);
}
