#include "store/sqlite_store.hpp"

#include "store/open.hpp"

namespace darn {

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                 const StoreOptions& options) {
  DARN_ASSIGN(auto db, open_database(path, options, store_schema()));
  return std::make_unique<SqliteStore>(std::move(db));
}

}  // namespace darn
