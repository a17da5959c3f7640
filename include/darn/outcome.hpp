// outcome<T>: a value, or the error that prevented it. std::expected where the standard library has
// it (C++23), else tl::expected, which is the same.
#pragma once

#include <type_traits>
#include <utility>

#include "darn/error.hpp"

#if __has_include(<version>)
#include <version>
#endif
#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
#include <expected>
#elif __has_include(<tl/expected.hpp>)
#include <tl/expected.hpp>
#else
#error "darn needs std::expected (C++23) or tl-expected (Debian: libexpected-dev)"
#endif

namespace darn {

#if defined(__cpp_lib_expected) && __cpp_lib_expected >= 202202L
template <class T, class E>
using expected = std::expected<T, E>;
template <class E>
using unexpected = std::unexpected<E>;
using std::unexpect;
#else
template <class T, class E>
using expected = tl::expected<T, E>;
template <class E>
using unexpected = tl::unexpected<E>;
using tl::unexpect;
#endif

template <class T>
using outcome = expected<T, error>;

namespace detail {

template <class T>
struct expected_traits {
  static constexpr bool is_expected = false;
};
template <class T, class E>
struct expected_traits<expected<T, E>> {
  static constexpr bool is_expected = true;
  using value_type = T;
  using error_type = E;
};

// What a callee that returns R gives: outcome<T> and any expected<T, E> count as outcome<T>.
template <class R, bool = expected_traits<std::remove_cvref_t<R>>::is_expected>
struct outcome_of {
  using type = outcome<std::remove_cvref_t<R>>;
};
template <class R>
struct outcome_of<R, true> {
  using type = outcome<typename expected_traits<std::remove_cvref_t<R>>::value_type>;
};
template <>
struct outcome_of<void, false> {
  using type = outcome<void>;
};
template <class R>
using outcome_of_t = typename outcome_of<R>::type;

}  // namespace detail
}  // namespace darn
