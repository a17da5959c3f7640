// Reading captured output back: un-rotates the circular tail and marks what was dropped.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/outcome.hpp"

namespace darn {

// Whether what was captured is still there as it was written: the segment is there, long enough,
// and its checksum holds (of the head, by default the first 32 MiB). Fails in one line; also when
// the disk had no room for a part of it. Bytes over the limit are no fault.
Status check_output(const std::string& dir, const OutputRef& ref);
// Of the length alone, which a reader of many asks.
Status check_output_length(const std::string& dir, const OutputRef& ref);
// How many bytes read_output() gives.
std::uint64_t readable_size(const OutputRef& ref);
// Waits until these segments, named as in OutputRef, are on the disk (--durability=power).
Status sync_output(const std::string& dir, const std::set<std::string>& files);

// The whole of it in pieces, with "\n[darn: N bytes dropped]\n" between head and tail.
Status read_output(const std::string& dir, const OutputRef& ref,
                   const std::function<void(std::string_view)>& sink);
// At most `bytes` of its end / its beginning.
Result<std::string> read_output_tail(const std::string& dir, const OutputRef& ref,
                                     std::size_t bytes);
Result<std::string> read_output_head(const std::string& dir, const OutputRef& ref,
                                     std::size_t bytes);

}  // namespace darn
