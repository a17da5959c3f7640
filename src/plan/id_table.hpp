// Names as numbers: each distinct name gets the next one. Names lie in one text and the table holds
// 32-bit numbers, so that a million ids cost little more than their bytes. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace darn {

class IdTable {
 public:
  // The number of a name, new or known.
  std::uint32_t intern(std::string_view name);
  std::string_view name(std::uint32_t number) const;
  std::size_t size() const { return ends_.size(); }

 private:
  std::size_t slot_of(std::string_view name) const;
  void grow();

  std::string names_;
  std::vector<std::size_t> ends_;     // of each name in names_
  std::vector<std::uint32_t> slots_;  // open addressing; number + 1, 0 is free
};

}  // namespace darn
