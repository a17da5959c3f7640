#include "model/run.hpp"

#include <numeric>

namespace darn {
namespace {

constexpr std::array<std::string_view, 3> kHaltMode = {"keep_going", "fail_fast", "after_percent"};
constexpr std::array<std::string_view, 4> kWorkspaceMode = {"keep", "fresh", "worktree", "none"};

template <class E, std::size_t N>
std::optional<E> find(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) {
      return static_cast<E>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(HaltMode mode) { return kHaltMode[static_cast<std::size_t>(mode)]; }
std::optional<HaltMode> parse_halt_mode(std::string_view text) {
  return find<HaltMode>(kHaltMode, text);
}

std::string_view to_string(WorkspaceMode mode) {
  return kWorkspaceMode[static_cast<std::size_t>(mode)];
}
std::optional<WorkspaceMode> parse_workspace_mode(std::string_view text) {
  return find<WorkspaceMode>(kWorkspaceMode, text);
}

std::int64_t Counts::total() const {
  return std::accumulate(by_state.begin(), by_state.end(), std::int64_t{0});
}

std::int64_t Counts::unfinished() const {
  return of(TaskState::waiting) + of(TaskState::ready) + of(TaskState::running) +
         of(TaskState::delayed);
}

}  // namespace darn
