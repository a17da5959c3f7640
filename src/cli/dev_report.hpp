// What became of the commands of darn dev, for people and programs. Pure.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "dev/run.hpp"

namespace darn::cli {

// What darn ends with.
struct DevEnd {
  int status = 0;
  int signal = 0;  // to be raised, when it is not 0
};
DevEnd end_of(const dev::Account& account, bool fail_on_healed);

// Every step went as it should, at its first try.
bool went_well(const dev::Account& account);

// One row a step: how it went, attempts, time.
std::string dev_table(const dev::Account& account);
// The table and the closing line, for a CI step summary.
std::string dev_markdown(const dev::Account& account, const std::string& what);
// The truth in one line; `what` is what was asked for.
std::string closing_line(const dev::Account& account, const std::string& what);
nlohmann::json dev_json(const dev::Account& account, const DevEnd& end);

}  // namespace darn::cli
