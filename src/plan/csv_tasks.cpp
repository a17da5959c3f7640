// The rows of a CSV become tasks.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/config.hpp"
#include "plan/csv.hpp"
#include "plan/tasks.hpp"

namespace darn {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

tl::unexpected<Error> placed(Error error, Location where) {
  error.where = std::move(where);
  return tl::unexpected<Error>(std::move(error));
}

class CsvTasks {
 public:
  CsvTasks(const TaskSource& source, const RunSettings& settings)
      : reader_(source.text, source.path), settings_(settings) {}

  Result<SourceHeader> read(const TaskSink& sink, TaskGraph* graph) {
    DARN_TRY(read_header());
    const TaskSpec start = start_task(settings_.defaults);
    TaskSpec task;
    bool any = false;
    for (;;) {
      DARN_ASSIGN(const bool more, reader_.next());
      if (!more) {
        break;
      }
      any = true;
      task = start;
      DARN_TRY(read_row(task));
      const Location where = reader_.where(id_);
      if (graph != nullptr) {
        DARN_TRY(graph->add(task, where, after_ == kNone ? where : reader_.where(after_)));
      }
      DARN_TRY(sink(task, reader_.raw(), where));
    }
    if (!any) {
      return fail(ErrorKind::bad_input, "a header without tasks", "add a row for each task",
                  reader_.where(0));
    }
    return std::move(header_);
  }

 private:
  Status read_header() {
    DARN_ASSIGN(const bool there, reader_.next());
    if (!there) {
      return fail(ErrorKind::bad_input, "the file is empty",
                  "give it a header such as id,command and a row for each task",
                  {reader_.where(0).file, 1, 1});
    }
    for (std::size_t i = 0; i < reader_.cells().size(); ++i) {
      DARN_TRY(read_column(i));
    }
    id_ = column_of("id");
    after_ = column_of("after");
    if (id_ == kNone) {
      return fail(ErrorKind::bad_input, "no column 'id'", missing_id_mend(), reader_.where(0));
    }
    return {};
  }

  Status read_column(std::size_t i) {
    const std::string name{trim(reader_.cells()[i])};
    if (name.empty()) {
      return fail(ErrorKind::bad_input, fmt::format("column {} has no name", i + 1),
                  "name it, or remove it", reader_.where(i));
    }
    auto field = classify_field(name, true);
    if (!field) {
      Error error = std::move(field.error());
      if (reader_.cells().size() == 1 && name.find_first_of(";\t|") != std::string::npos) {
        error.mend = "separate columns with ','";
      }
      return placed(std::move(error), reader_.where(i));
    }
    const auto same = [&](const FieldName& other) {
      return other.kind == field->kind && other.name == field->name;
    };
    if (const auto it = std::find_if(fields_.begin(), fields_.end(), same); it != fields_.end()) {
      const std::string& first = header_.columns[static_cast<std::size_t>(it - fields_.begin())];
      return fail(ErrorKind::bad_input,
                  first == name
                      ? "column " + quote(name) + " stands twice"
                      : "columns " + quote(first) + " and " + quote(name) + " are the same field",
                  "keep one of the two", reader_.where(i));
    }
    fields_.push_back(std::move(*field));
    header_.columns.push_back(name);
    return {};
  }

  std::string missing_id_mend() const {
    for (const std::string& name : header_.columns) {
      if (lower(name) == "id") {
        return "rename the column " + quote(name) + " to 'id'";
      }
    }
    return "begin the file with a header such as id,command";
  }

  std::size_t column_of(std::string_view field) const {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].kind == FieldName::Kind::reserved && fields_[i].name == field) {
        return i;
      }
    }
    return kNone;
  }

  // Where to point for a mistake in a field: its cell, or that of what stands for it, or the row.
  Location where(const std::string& field) const {
    for (const std::string_view name : {std::string_view{field}, std::string_view{"agent"}}) {
      if (const std::size_t i = column_of(name); i != kNone) {
        return reader_.where(i);
      }
    }
    return reader_.where(0);
  }

  Status read_row(TaskSpec& task) {
    const std::vector<std::string_view>& cells = reader_.cells();
    if (cells.size() != fields_.size()) {
      return fail(ErrorKind::bad_input,
                  fmt::format("a row of {} {} under a header of {}", cells.size(),
                              cells.size() == 1 ? "cell" : "cells", fields_.size()),
                  cells.size() > fields_.size() ? "put cells with commas into quotes"
                                                : "leave cells empty, but keep their commas",
                  reader_.where(std::min(cells.size(), fields_.size())));
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (auto status = set_field(task, fields_[i], cells[i]); !status) {
        status.error().message += " in column " + quote(header_.columns[i]);
        return placed(std::move(status.error()), reader_.where(i));
      }
    }
    merge_defaults(task, settings_.defaults);
    if (auto wrong = find_mistake(task, settings_)) {
      return placed(std::move(wrong->error), where(wrong->field));
    }
    return {};
  }

  CsvReader reader_;
  const RunSettings& settings_;
  SourceHeader header_;
  std::vector<FieldName> fields_;
  std::size_t id_ = kNone;
  std::size_t after_ = kNone;
};

}  // namespace

Result<SourceHeader> read_csv_tasks(const TaskSource& source, const RunSettings& settings,
                                    const TaskSink& sink, TaskGraph* graph) {
  return CsvTasks(source, settings).read(sink, graph);
}

}  // namespace darn
