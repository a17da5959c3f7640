#include "process/output.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "process/fd.hpp"

namespace darn {
namespace {

struct Piece {
  std::uint64_t offset;
  std::uint64_t size;
};

// The kept bytes in the order in which they were written: head, older and newer part of the tail.
struct Pieces {
  Piece head;
  Piece older;
  Piece newer;
};

Pieces pieces_of(const OutputRef& ref) {
  const std::uint64_t tail = ref.offset + ref.head;
  const std::uint64_t turn = std::min(ref.tail_start, ref.tail);
  return {{ref.offset, ref.head}, {tail + turn, ref.tail - turn}, {tail, turn}};
}

Result<Fd> open_segment(const std::string& dir, const OutputRef& ref) {
  const std::string path = dir + '/' + ref.file;
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file ? Result<Fd>(std::move(file)) : fail_errno("open " + path);
}

// A segment that was cut short gives what is there.
Status read_piece(int fd, Piece piece, const std::function<void(std::string_view)>& sink) {
  std::vector<char> buffer(std::min<std::uint64_t>(piece.size, 256UL << 10U));
  while (piece.size > 0) {
    const ssize_t n = ::pread(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), piece.size),
                              static_cast<off_t>(piece.offset));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return fail_errno("read captured output");
    }
    if (n == 0) {
      return {};
    }
    sink({buffer.data(), static_cast<std::size_t>(n)});
    piece.offset += static_cast<std::uint64_t>(n);
    piece.size -= static_cast<std::uint64_t>(n);
  }
  return {};
}

Piece last_of(Piece piece, std::uint64_t bytes) {
  const std::uint64_t kept = std::min(piece.size, bytes);
  return {piece.offset + piece.size - kept, kept};
}

}  // namespace

Status read_output(const std::string& dir, const OutputRef& ref,
                   const std::function<void(std::string_view)>& sink) {
  if (ref.file.empty()) {
    return {};
  }
  DARN_ASSIGN(const Fd file, open_segment(dir, ref));
  const Pieces pieces = pieces_of(ref);
  DARN_TRY(read_piece(file.get(), pieces.head, sink));
  if (ref.dropped > 0) {
    sink("\n[darn: " + std::to_string(ref.dropped) + " bytes dropped]\n");
  }
  DARN_TRY(read_piece(file.get(), pieces.older, sink));
  return read_piece(file.get(), pieces.newer, sink);
}

Result<std::string> read_output_tail(const std::string& dir, const OutputRef& ref,
                                     std::size_t bytes) {
  std::string text;
  if (ref.file.empty()) {
    return text;
  }
  DARN_ASSIGN(const Fd file, open_segment(dir, ref));
  const Pieces pieces = pieces_of(ref);
  const Piece newer = last_of(pieces.newer, bytes);
  const Piece older = last_of(pieces.older, bytes - newer.size);
  const bool whole_tail = older.size + newer.size == ref.tail;
  // Only what follows without a gap: the head counts when nothing was dropped behind it.
  const std::uint64_t wanted = bytes - older.size - newer.size;
  const bool gap = ref.dropped > 0 && ref.tail > 0;
  const Piece head = last_of(pieces.head, whole_tail && !gap ? wanted : 0);
  for (const Piece& piece : {head, older, newer}) {
    DARN_TRY(read_piece(file.get(), piece, [&](std::string_view part) { text += part; }));
  }
  return text;
}

Result<std::string> read_output_head(const std::string& dir, const OutputRef& ref,
                                     std::size_t bytes) {
  std::string text;
  if (ref.file.empty()) {
    return text;
  }
  DARN_ASSIGN(const Fd file, open_segment(dir, ref));
  const Pieces pieces = pieces_of(ref);
  for (Piece piece : {pieces.head, pieces.older, pieces.newer}) {
    piece.size = std::min<std::uint64_t>(piece.size, bytes - text.size());
    DARN_TRY(read_piece(file.get(), piece, [&](std::string_view part) { text += part; }));
    if (ref.dropped > 0) {
      break;
    }
  }
  return text;
}

}  // namespace darn
