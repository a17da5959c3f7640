#include "cli/live_output.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "process/fd.hpp"
#include "process/ring.hpp"

namespace darn::cli {
namespace {

OutputRef written_so_far(const std::string& dir, int slot, const StreamRecord& stream,
                         std::uint64_t limit, bool& cut) {
  OutputRef ref;
  ref.file = segment_name(slot, stream.kind, stream.segment);
  ref.offset = stream.offset;
  struct stat file {};
  if (ref.file.empty() || ::stat((dir + "/" + ref.file).c_str(), &file) != 0) {
    return {};
  }
  const auto size = static_cast<std::uint64_t>(file.st_size);
  ref.head = size > ref.offset ? size - ref.offset : 0;
  if (ref.head >= limit) {  // its second half is being written in circles
    ref.head = limit / 2;
    cut = true;
  }
  return ref;
}

}  // namespace

Result<LiveOutput> live_output(const std::string& dir, const AttemptRecord& attempt,
                               std::uint64_t output_limit) {
  const std::string path = dir + "/" + ring_name(attempt.slot);
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) {
    return LiveOutput{};
  }
  DARN_ASSIGN(const Ring ring, Ring::map(file.get()));
  for (std::uint32_t i = 0; i < kRingRecords; ++i) {
    const RingRecord& record = ring.record(i);
    const RecordState state = record.load();
    if (record.body.attempt != attempt.key) {
      continue;
    }
    LiveOutput live;
    if (state == RecordState::ended) {
      const Outcome outcome = outcome_of(record.body, attempt.slot);
      live.out = outcome.out;
      live.err = outcome.err;
    } else if (state == RecordState::starting || state == RecordState::began) {
      live.out = written_so_far(dir, attempt.slot, record.body.out, output_limit, live.cut);
      live.err = written_so_far(dir, attempt.slot, record.body.err, output_limit, live.cut);
    }
    return live;
  }
  return LiveOutput{};
}

}  // namespace darn::cli
