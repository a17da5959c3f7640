// When all else has failed: another source, then a value. The caller is served, and knows by what.
#include <cstdio>
#include <map>
#include <string>

#include <darn/fallback.hpp>
#include <darn/pipeline.hpp>
#include <darn/retry.hpp>

using namespace std::chrono_literals;

struct Price {
  int cents;
  std::string from;
};

int main() {
  const std::map<std::string, int> cache{{"tea", 300}};

  for (const std::string item : {"tea", "coffee"}) {
    // Asked in turn; the first one that succeeds counts. Each is told why it is asked.
    const auto from_cache = [&](const darn::error& why) -> darn::outcome<Price> {
      std::printf("%s: %s\n", item.c_str(), why.text().c_str());
      const auto found = cache.find(item);
      if (found == cache.end()) {
        return darn::unexpected<darn::error>(darn::error{.code = "not_cached"});
      }
      return Price{found->second, "cache"};
    };

    const auto policy =
        darn::pipeline(darn::fallback(from_cache, Price{250, "guess"}),
                       darn::retry({.max_attempts = 3, .backoff = darn::backoff::constant(10ms)}));

    const auto price = policy.run([]() -> darn::outcome<Price> {
      return darn::unexpected<darn::error>(darn::classify_http(503));  // the shop is down
    });
    std::printf("%s: %d cents (%s)\n", item.c_str(), price->cents, price->from.c_str());
  }
}
