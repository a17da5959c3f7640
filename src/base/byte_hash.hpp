// A hash of bytes that come in pieces of any size: the same for the same bytes, however they were
// cut. It tells damage and mix-ups, not malice. Never 0, which stands for "not known".
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/random.hpp"

namespace darn {

class ByteHash {
 public:
  void add(const char* data, std::size_t size) {
    size_ += size;
    while (size > 0) {
      if (kept_ == 0 && size >= sizeof word_) {
        std::uint64_t word = 0;
        std::memcpy(&word, data, sizeof word);
        take(word);
        data += sizeof word;
        size -= sizeof word;
        continue;
      }
      word_ |= std::uint64_t{static_cast<unsigned char>(*data++)} << (8 * kept_);
      --size;
      if (++kept_ == sizeof word_) {
        take(word_);
        word_ = 0;
        kept_ = 0;
      }
    }
  }
  std::uint64_t value() const {
    const std::uint64_t h = mix64(mix64(state_ ^ word_) + size_);
    return h != 0 ? h : 1;
  }

 private:
  void take(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ULL;
    state_ ^= state_ >> 32U;
  }

  std::uint64_t state_ = 0x6461726e;
  std::uint64_t word_ = 0;  // bytes that do not fill a word yet
  std::size_t kept_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace darn
