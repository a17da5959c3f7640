#include "store/sqlite_store.hpp"

#include "store/open.hpp"

namespace darn {

Status SqliteStore::begin() {
  DARN_TRY(db_->begin());
  planned_ = {};
  return {};
}

Status SqliteStore::commit() {
  if (auto counted = count_planned(); !counted) {
    rollback();
    return counted;
  }
  return db_->commit();
}

void SqliteStore::rollback() {
  planned_ = {};
  db_->rollback();
}

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const StoreOptions& options) {
  DARN_ASSIGN(auto db, open_database(path, options, store_schema()));
  return std::make_unique<SqliteStore>(std::move(db));
}

}  // namespace darn
