#include "store/schema_transplant.hpp"

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace darn {
namespace {

// https://www.sqlite.org/fileformat2.html
constexpr std::string_view kMagic = "SQLite format 3";
constexpr std::size_t kHeader = 100;
constexpr std::size_t kPages = 28;        // the file's size in pages
constexpr std::size_t kFreePages = 32;    // the first one, and how many
constexpr std::size_t kUserVersion = 60;  //
constexpr std::size_t kApplication = 68;  //
constexpr unsigned char kInterior = 5;

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t number(const std::string& bytes, std::size_t at, std::size_t size) {
  std::size_t value = 0;
  for (std::size_t i = at; i < at + size && i < bytes.size(); ++i) {
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

void put(std::string& bytes, std::size_t at, std::size_t value) {
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<char>(value >> (24 - 8 * i) & 0xffU);
  }
}

// The pages of the list of tables: the first one and, when it leads to others, those.
std::vector<std::size_t> schema_pages(const std::string& fresh) {
  std::vector<std::size_t> pages = {1};
  if (static_cast<unsigned char>(fresh[kHeader]) != kInterior) {
    return pages;
  }
  const std::size_t cells = number(fresh, kHeader + 3, 2);
  for (std::size_t i = 0; i < cells; ++i) {
    pages.push_back(number(fresh, number(fresh, kHeader + 12 + 2 * i, 2), 4));
  }
  pages.push_back(number(fresh, kHeader + 8, 4));
  return pages;
}

}  // namespace

Status transplant_schema(const std::string& path, const std::string& fresh_path,
                         const std::string& work) {
  const std::string fresh = read_all(fresh_path);
  std::string bytes = read_all(path);
  const std::size_t page = number(fresh, 16, 2);
  const auto same = [&](std::size_t at) { return number(bytes, at, 4) == number(fresh, at, 4); };
  if (fresh.size() < page || page < 512 || bytes.size() < page || !bytes.starts_with(kMagic) ||
      number(bytes, 16, 2) != page || !same(kUserVersion) || !same(kApplication)) {
    return fail(ErrorKind::io, path + ": not a database of this version of darn");
  }
  for (const std::size_t one : schema_pages(fresh)) {
    if (one == 0 || one * page > fresh.size() || one * page > bytes.size()) {
      return fail(ErrorKind::io, path + ": too short to hold anything");
    }
    bytes.replace((one - 1) * page, page, fresh, (one - 1) * page, page);
  }
  put(bytes, kPages, bytes.size() / page);
  put(bytes, kFreePages, 0);
  put(bytes, kFreePages + 4, 0);
  std::ofstream file(work, std::ios::binary);
  file << bytes;
  file.close();
  if (!file) {
    return fail_errno("cannot write " + work);
  }
  std::error_code none;  // most often there is no -wal
  std::filesystem::copy_file(path + "-wal", work + "-wal", none);
  return {};
}

}  // namespace darn
