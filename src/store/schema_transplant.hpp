// A copy of a damaged database whose list of tables does not read, with that list taken from a new
// one: schema.sql puts each table's root where it put it in every other database of its version.
#pragma once

#include <string>

#include "base/result.hpp"

namespace darn {

// Writes `work` (and work-wal). Fails when `path` is of another version, or not a database at all.
Status transplant_schema(const std::string& path, const std::string& fresh,
                         const std::string& work);

}  // namespace darn
