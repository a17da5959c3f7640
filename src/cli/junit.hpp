// A run as JUnit XML, flaky tasks marked as Maven Surefire does (flakyFailure on what passed in the
// end, rerunFailure on what did not), which Jenkins and GitLab read. Pure but for the store.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

namespace darn::cli {

Result<std::string> junit_xml(Store& store, const RunRecord& run);
// One <testcase>; `attempts` are the task's, oldest first.
std::string junit_case(const RunRecord& run, const TaskRecord& task,
                       const std::vector<AttemptRecord>& attempts);
// Markup escaped; characters that XML 1.0 does not allow removed, also as UTF-8.
std::string xml_escape(std::string_view text);

}  // namespace darn::cli
