// Any bytes as a message and as a Retry-After header (the first byte chooses the time of day, from
// the first to the last that there is): nothing crashes, and what is said holds together.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "darn/classify.hpp"
#include "darn/retry_after.hpp"

namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void check(const darn::error& e) {
  require(e.category != darn::category::none && e.severity != darn::severity::none);
  require(e.message.find('\n') == std::string::npos);
  require(!e.retry_after || *e.retry_after >= darn::duration{0});
  require(!e.rejected && !e.exhausted && e.attempts == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  check(darn::classify_message(text));
  check(darn::classify_http(static_cast<int>(data[0]) + 400, text));
  // Of codes the text is the message too, as it came.
  require(darn::classify_grpc(text).category != darn::category::none);
  require(darn::classify_aws(text, 500).category != darn::category::none);

  constexpr int kParts = 255;
  using ticks = darn::wall_time::duration;
  const auto part = ticks::max() / kParts * data[0];
  for (const darn::wall_time now : {darn::wall_time{part}, darn::wall_time{-part}}) {
    const auto wait = darn::parse_retry_after(text, now);
    require(!wait || *wait >= darn::duration{0});
  }
  return 0;
}
