#include "store/sqlite_store.hpp"

#include "store/open.hpp"

namespace darn {

SqliteStore::SqliteStore(std::unique_ptr<Database> db) : db_(std::move(db)) {
  db_->keep({.write_rows = [this] { return write_planned(); },
             .write_totals = [this] { return write_totals(); },
             .forget =
                 [this] {
                   planned_.clear();
                   totals_ = {};
                 }});
}

Status SqliteStore::begin() { return db_->begin(); }
Status SqliteStore::commit() { return db_->commit(); }
void SqliteStore::rollback() { db_->rollback(); }

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const StoreOptions& options) {
  DARN_ASSIGN(auto db, open_database(path, options, store_schema()));
  return std::make_unique<SqliteStore>(std::move(db));
}

}  // namespace darn
