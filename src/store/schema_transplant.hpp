// A copy of a damaged database whose list of tables does not read, with that list taken from a new
// one. Every table has its root where schema.sql puts it in a new file, also in one that has been
// migrated: no step has moved or made a table yet. Of indexes that does not hold: the pages of the
// list itself lie elsewhere among them in a migrated file. So the copy is for reading tables NOT
// INDEXED.
#pragma once

#include <string>

#include "base/result.hpp"

namespace darn {

// Writes `work` (and work-wal). Fails when `path` is of another version, or not a database at all.
Status transplant_schema(const std::string& path, const std::string& fresh,
                         const std::string& work);

}  // namespace darn
