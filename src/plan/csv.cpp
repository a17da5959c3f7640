#include "plan/csv.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "plan/reader.hpp"

namespace darn {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool ends_cell(char c) { return c == ',' || c == '\n' || c == '\r'; }

// Lays the cell between the quotes out without its doubled quotes.
void unescape(std::string_view quoted, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    out += quoted[i];
    if (quoted[i] == '"') {
      ++i;
    }
  }
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string file)
    : text_(text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text),
      file_(std::move(file)) {}

Location CsvReader::place(std::size_t at) const {
  const std::string_view before = text_.substr(begin_, at - begin_);
  const std::size_t newline = before.rfind('\n');
  const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
  const auto lines = std::count(before.begin(), before.end(), '\n');
  return {file_, line_ + static_cast<std::uint32_t>(lines),
          static_cast<std::uint32_t>(characters(before.substr(line_begin))) + 1};
}

Location CsvReader::where(std::size_t cell) const {
  return place(cell < starts_.size() ? starts_[cell] : end_);
}

Result<bool> CsvReader::next() {
  for (;;) {
    if (at_ >= text_.size()) {
      return false;
    }
    begin_ = at_;
    line_ = next_line_;
    cells_.clear();
    starts_.clear();
    unescaped_used_ = 0;
    do {
      DARN_TRY(read_cell());
    } while (at_ < text_.size() && text_[at_] == ',' && ++at_ <= text_.size());
    end_ = at_;
    end_line();
    if (end_ > begin_) {
      return true;
    }
  }
}

// Leaves at_ on the separator, the line end or the end of the text.
Status CsvReader::read_cell() {
  starts_.push_back(at_);
  if (at_ < text_.size() && text_[at_] == '"') {
    return read_quoted();
  }
  const std::size_t begin = at_;
  while (at_ < text_.size() && !ends_cell(text_[at_])) {
    if (text_[at_] == '"') {
      return fail(ErrorKind::bad_input, "a quote inside of an unquoted cell",
                  "put the whole cell into quotes and double those inside", place(at_));
    }
    ++at_;
  }
  if (at_ < text_.size() && text_[at_] == '\r' &&
      (at_ + 1 == text_.size() || text_[at_ + 1] != '\n')) {
    return fail(ErrorKind::bad_input, "a carriage return without a line feed",
                "end lines with LF or CRLF, or put the cell into quotes", place(at_));
  }
  cells_.push_back(text_.substr(begin, at_ - begin));
  return {};
}

Status CsvReader::read_quoted() {
  const std::size_t open = at_++;
  bool doubled = false;
  for (;;) {
    const std::size_t quote = text_.find('"', at_);
    if (quote == std::string_view::npos) {
      return fail(ErrorKind::bad_input, "a quote that is never closed",
                  "close it with '\"', and double the quotes inside", place(open));
    }
    at_ = quote + 1;
    if (at_ >= text_.size() || text_[at_] != '"') {
      break;
    }
    doubled = true;
    ++at_;
  }
  std::string_view cell = text_.substr(open + 1, at_ - open - 2);
  next_line_ += static_cast<std::uint32_t>(std::count(cell.begin(), cell.end(), '\n'));
  const bool lone_return =
      text_.substr(at_).starts_with('\r') && !text_.substr(at_).starts_with("\r\n");
  if (at_ < text_.size() && (!ends_cell(text_[at_]) || lone_return)) {
    return fail(ErrorKind::bad_input, "text after the closing quote of a cell",
                "put all of it into the quotes, and double those inside", place(at_));
  }
  if (doubled) {
    if (unescaped_used_ == unescaped_.size()) {
      unescaped_.emplace_back();
    }
    std::string& out = unescaped_[unescaped_used_++];
    unescape(cell, out);
    cell = out;
  }
  cells_.push_back(cell);
  return {};
}

void CsvReader::end_line() {
  if (at_ < text_.size() && text_[at_] == '\r') {
    ++at_;
  }
  if (at_ < text_.size()) {
    ++at_;
    ++next_line_;
  }
}

std::vector<std::string> split_record(std::string_view record) {
  CsvReader reader(record, {});
  const auto there = reader.next();
  if (!there || !*there) {
    return {std::string{record}};  // not a record: one cell
  }
  return {reader.cells().begin(), reader.cells().end()};
}

std::string join_record(const std::vector<std::string>& cells) {
  std::string out;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) {
      out += ',';
    }
    // A lone empty cell would be a blank line, a byte order mark would be passed over.
    const bool quoted = cell.find_first_of(",\"\r\n") != std::string::npos ||
                        (cells.size() == 1 && cell.empty()) || cell.starts_with(kByteOrderMark);
    if (!quoted) {
      out += cell;
      continue;
    }
    out += '"';
    for (const char c : cell) {
      out.append(c == '"' ? 2 : 1, c);
    }
    out += '"';
  }
  return out;
}

}  // namespace darn
