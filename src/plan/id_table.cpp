#include "plan/id_table.hpp"

#include "base/random.hpp"

namespace darn {

std::string_view IdTable::name(std::uint32_t number) const {
  const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view{names_}.substr(begin, ends_[number] - begin);
}

// Where the name stands, or the free slot where it belongs.
std::size_t IdTable::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash64(text) & mask;
  while (slots_[slot] != 0 && name(slots_[slot] - 1) != text) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

std::uint32_t IdTable::intern(std::string_view text) {
  if (2 * (size() + 1) > slots_.size()) {
    grow();
  }
  std::uint32_t& slot = slots_[slot_of(text)];
  if (slot == 0) {
    names_ += text;
    ends_.push_back(names_.size());
    slot = static_cast<std::uint32_t>(size());
  }
  return slot - 1;
}

void IdTable::grow() {
  slots_.assign(slots_.empty() ? 16 : 2 * slots_.size(), 0);
  for (std::uint32_t number = 0; number < size(); ++number) {
    slots_[slot_of(name(number))] = number + 1;
  }
}

}  // namespace darn
