#include "process/output.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/byte_hash.hpp"
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
  if (!file && errno == ENOENT) {
    return fail(ErrorKind::io, "the output in " + path + " is gone: the file is not there");
  }
  return file ? Result<Fd>(std::move(file)) : fail_errno("open " + path);
}

std::string dropped_note(const OutputRef& ref) {
  return "\n[darn: " + std::to_string(ref.dropped) + " bytes dropped]\n";
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

Status check_output_length(const std::string& dir, const OutputRef& ref) {
  if (ref.unwritten > 0) {
    return fail(ErrorKind::io, "the output is incomplete: the disk had no room for " +
                                   std::to_string(ref.unwritten) + " bytes of it");
  }
  if (ref.file.empty() || ref.head + ref.tail == 0) {
    return {};
  }
  DARN_ASSIGN(const Fd file, open_segment(dir, ref));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) {
    return fail_errno("read captured output");
  }
  const std::uint64_t end = ref.offset + ref.head + ref.tail;
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size < end) {
    return fail(ErrorKind::io, "the output in " + dir + '/' + ref.file + " is cut short: " +
                                   std::to_string(std::min(end - size, ref.head + ref.tail)) +
                                   " bytes of it are missing");
  }
  return {};
}

Status check_output(const std::string& dir, const OutputRef& ref) {
  DARN_TRY(check_output_length(dir, ref));
  if (ref.file.empty() || ref.head == 0 || ref.checksum == 0) {
    return {};
  }
  DARN_ASSIGN(const Fd file, open_segment(dir, ref));
  ByteHash hash;
  DARN_TRY(read_piece(file.get(), {ref.offset, ref.head},
                      [&](std::string_view part) { hash.add(part.data(), part.size()); }));
  if (hash.value() != ref.checksum) {
    return fail(ErrorKind::io, "the output in " + dir + '/' + ref.file +
                                   " is not what was written there: its checksum differs");
  }
  return {};
}

std::uint64_t readable_size(const OutputRef& ref) {
  if (ref.file.empty()) {
    return 0;
  }
  return ref.head + ref.tail + (ref.dropped > 0 ? dropped_note(ref).size() : 0);
}

Status sync_output(const std::string& dir, const std::set<std::string>& files) {
  for (const std::string& name : files) {
    const std::string path = dir + '/' + name;
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::fdatasync(file.get()) != 0) {
      return fail_errno("cannot make sure of " + path);
    }
  }
  const Fd folder(files.empty() ? -1 : ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder && ::fsync(folder.get()) != 0) {
    return fail_errno("cannot make sure of " + dir);
  }
  return {};
}

Status read_output(const std::string& dir, const OutputRef& ref,
                   const std::function<void(std::string_view)>& sink) {
  if (ref.file.empty()) {
    return {};
  }
  DARN_ASSIGN(const Fd file, open_segment(dir, ref));
  const Pieces pieces = pieces_of(ref);
  DARN_TRY(read_piece(file.get(), pieces.head, sink));
  if (ref.dropped > 0) {
    sink(dropped_note(ref));
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
