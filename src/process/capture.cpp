#include "process/capture.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace darn {

void Segment::open() {
  const std::string name = segment_name(slot_, kind_, number_);
  file_.reset(::openat(dir_, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info {};
  const bool known = file_ && ::fstat(file_.get(), &info) == 0;
  end_ = known ? static_cast<std::uint64_t>(info.st_size) : 0;
}

void Segment::prepare() {
  if (!file_) {
    open();
  }
  if (end_ > kRoll) {
    ++number_;
    open();
  }
}

void Capture::begin(Segment& segment, std::uint64_t limit, StreamRecord& record) {
  segment.prepare();
  segment_ = &segment;
  record_ = &record;
  limit_ = limit;
  head_ = limit / 2;
  written_ = 0;
  lost_ = 0;
  hash_ = {};
  of_head_ = hash_.value();
  failed_ = segment.fd() < 0;
  record = {};
  record.kind = failed_ ? StreamRecord::none : segment.kind();
  record.segment = segment.number();
  record.offset = segment.end();
}

void Capture::write(const char* data, std::size_t size) {
  while (size > 0 && !failed_ && limit_ > 0) {
    const bool in_head = written_ < head_;
    const std::uint64_t in_tail = in_head ? 0 : (written_ - head_) % tail_capacity();
    if (!in_head && size > tail_capacity()) {  // would be overwritten right away
      const std::size_t passed = size - tail_capacity();
      written_ += passed;
      data += passed;
      size -= passed;
      continue;
    }
    const std::uint64_t room = in_head ? head_ - written_ : tail_capacity() - in_tail;
    const std::uint64_t at = record_->offset + (in_head ? written_ : head_ + in_tail);
    const ssize_t n =
        ::pwrite(segment_->fd(), data, std::min<std::uint64_t>(room, size), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    failed_ = n <= 0;
    if (!failed_) {
      if (written_ < limit_) {  // nothing has been overwritten yet
        hash_.add(data, static_cast<std::size_t>(n));
      }
      written_ += static_cast<std::uint64_t>(n);
      if (in_head) {
        of_head_ = hash_.value();
      }
      data += n;
      size -= static_cast<std::size_t>(n);
    }
  }
  lost_ += size;
}

void Capture::finish() {
  if (record_ == nullptr) {
    return;
  }
  StreamRecord& r = *record_;
  if (written_ <= limit_) {
    r.head = written_;
    r.dropped = lost_;
  } else {
    r.head = head_;
    r.tail = tail_capacity();
    r.tail_start = (written_ - head_) % tail_capacity();
    r.dropped = written_ - limit_ + lost_;
  }
  r.unwritten = limit_ > 0 ? lost_ : 0;
  r.checksum = written_ <= limit_ ? hash_.value() : of_head_;
  segment_->advance(r.head + r.tail);
  record_ = nullptr;
}

}  // namespace darn
