// A CSV reader over a text in memory (RFC 4180, with LF or CRLF): one record after the other, cells
// as views into the text, the place of each cell on demand. What RFC 4180 leaves open is refused
// rather than guessed. The text must outlive the reader. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace darn {

class CsvReader {
 public:
  // A byte order mark is passed over.
  CsvReader(std::string_view text, std::string file);

  // Reads the next record; blank lines are passed over. False at the end.
  Result<bool> next();

  // The cells of the current record; valid until the next one.
  const std::vector<std::string_view>& cells() const { return cells_; }
  // Its exact text, without the line end.
  std::string_view raw() const { return text_.substr(begin_, end_ - begin_); }
  std::uint32_t line() const { return line_; }

  // Where a cell of the current record begins; one that is not there: where the record ends.
  Location where(std::size_t cell) const;

 private:
  Status read_cell();
  Status read_quoted();
  void end_line();
  Location place(std::size_t at) const;

  std::string_view text_;
  std::string file_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0, end_ = 0;  // of the current record
  std::uint32_t line_ = 0;           // on which it begins
  std::uint32_t next_line_ = 1;
  std::vector<std::string_view> cells_;
  std::vector<std::size_t> starts_;
  std::deque<std::string> unescaped_;  // cells with doubled quotes
  std::size_t unescaped_used_ = 0;
};

}  // namespace darn
