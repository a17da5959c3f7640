// What is concluded from the rows that were saved of a damaged store, so that it agrees with itself
// again. Included by salvage.cpp alone.
#pragma once

#include <array>
#include <string_view>

namespace darn {

// A conclusion: what it changes, and what is said when it changed something.
struct Step {
  std::string_view note;  // with {} for the number; empty: silent
  std::string_view sql;
};

// In this order. What is not known to be safe to start is never left ready.
constexpr std::array kSteps = {
    Step{"{} runs were lost but for their tasks: they can be read and retried",
         "INSERT OR IGNORE INTO runs (key, id, state, cycle, root, parent, created, ended, "
         "cancel_requested, host, boot_id, pid, seed, source, format, cwd, columns, settings) "
         "SELECT key, 'recovered-' || key, 'failed', 1, "
         "'recovered-' || key, '', 0, 0, 0, '', '', 0, 0, '', 'csv', '/', '[]', '{}' "
         "FROM (SELECT DISTINCT key >> 32 AS key FROM tasks UNION "
         "SELECT DISTINCT task >> 32 FROM task_specs) WHERE key BETWEEN 1 AND 2147483647"},
    Step{"{} tasks lay in another run's place and are left out",
         "DELETE FROM tasks WHERE run <> key >> 32"},
    Step{"{} specifications do not read",
         "DELETE FROM task_specs WHERE NOT json_valid(spec) OR spec ->> '$.id' IS NULL"},
    Step{
        "{} tasks were lost but for their specification: it is not known whether they ran",
        "INSERT OR IGNORE INTO tasks (key, run, id, state, pool, priority, pending, work, summary) "
        "SELECT task, task >> 32, spec ->> '$.id', 'abandoned', 'commands', 0, 0, 0, "
        "'its record was damaged: it is not known whether it ran' FROM task_specs "
        "WHERE task NOT IN (SELECT key FROM tasks)"},
    Step{"{} tasks have lost their specification and will not run again",
         "INSERT OR IGNORE INTO task_specs SELECT key, json_object('id', id, 'command', 'false'), "
         "'' "
         "FROM tasks WHERE key NOT IN (SELECT task FROM task_specs)"},
    Step{"",
         "UPDATE tasks SET state = 'abandoned', summary = 'its specification was damaged' "
         "WHERE state <> 'succeeded' AND key IN "
         "(SELECT task FROM task_specs WHERE raw = '' AND spec ->> '$.command' = 'false')"},
    Step{"{} attempts belong to no task any more and are left out",
         "DELETE FROM attempts WHERE task NOT IN (SELECT key FROM tasks)"},
    Step{"{} specifications belong to no task and are left out",
         "DELETE FROM task_specs WHERE task NOT IN (SELECT key FROM tasks)"},
    Step{"",
         "DELETE FROM dependencies WHERE task NOT IN (SELECT key FROM tasks) OR "
         "dependent NOT IN (SELECT key FROM tasks)"},
    Step{"", "DELETE FROM unresolved WHERE task NOT IN (SELECT key FROM tasks)"},
    Step{"", "DELETE FROM cycles WHERE run NOT IN (SELECT key FROM runs)"},
    Step{"", "DELETE FROM pools WHERE run NOT IN (SELECT key FROM runs)"},
    Step{"{} edges were put back from what the tasks say they come after",
         // In this order: left to itself, the planner pairs every task with every other.
         "INSERT OR IGNORE INTO dependencies SELECT p.key, t.key FROM tasks t "
         "CROSS JOIN task_specs s ON s.task = t.key "
         "CROSS JOIN json_each(s.spec, '$.after') a "
         "CROSS JOIN tasks p ON p.run = t.run AND p.id = a.value"},
    Step{"{} tasks had succeeded, as their attempts say",
         "UPDATE tasks SET state = 'succeeded' WHERE state <> 'succeeded' AND EXISTS "
         "(SELECT 1 FROM attempts a WHERE a.task = tasks.key AND a.state = 'succeeded')"},
    Step{"{} tasks were said to run, without an attempt that tells: it is not known whether they "
         "did",
         "UPDATE tasks SET state = 'abandoned', "
         "summary = 'its record was damaged: it is not known whether it ran' "
         "WHERE state = 'running' AND NOT EXISTS "
         "(SELECT 1 FROM attempts a WHERE a.task = tasks.key AND a.state = 'running')"},
    Step{"", "UPDATE tasks SET healed = 0 WHERE state <> 'succeeded'"},
    // Free of what the check on states asks for, until the open edges are counted.
    Step{"", "UPDATE tasks SET pending = 0"},
    Step{"",
         "UPDATE tasks SET state = 'running' WHERE state NOT IN ('running', 'succeeded') AND "
         "EXISTS (SELECT 1 FROM attempts a WHERE a.task = tasks.key AND a.state = 'running')"},
    Step{"",
         "CREATE TEMP TABLE open AS SELECT d.dependent AS task, count(*) AS n "
         "FROM dependencies d JOIN tasks x ON x.key = d.task WHERE x.state <> 'succeeded' "
         "GROUP BY 1"},
    Step{"", "DELETE FROM unresolved"},
    Step{"{} tasks ran before what they come after: what became of them is not known",
         "UPDATE tasks SET state = 'abandoned' WHERE state = 'running' AND key IN "
         "(SELECT task FROM temp.open)"},
    Step{"",
         "UPDATE attempts SET state = 'lost', ended = max(claimed, 1) WHERE state = 'running' "
         "AND task IN (SELECT key FROM tasks WHERE state = 'abandoned')"},
    Step{"",
         "UPDATE tasks SET pending = coalesce((SELECT n FROM temp.open o WHERE "
         "o.task = tasks.key), 0), state = CASE WHEN state IN ('ready', 'delayed', 'waiting') "
         "THEN CASE WHEN key IN (SELECT task FROM temp.open) THEN 'waiting' "
         "WHEN state = 'waiting' THEN 'ready' ELSE state END ELSE state END"},
    Step{"", "DROP TABLE temp.open"},
    Step{"{} tasks had another number of attempts than they said",
         "UPDATE tasks SET attempts = n FROM (SELECT t.key AS k, coalesce((SELECT max(number) "
         "FROM attempts a WHERE a.task = t.key), 0) AS n FROM tasks t) WHERE k = key AND attempts "
         "<> n"},
    Step{"",
         "UPDATE attempts SET ended = max(started, claimed, 1) WHERE state <> 'running' AND "
         "ended = 0"},
    Step{
        "{} runs had been said to have ended and can be resumed",
        "UPDATE runs SET state = 'interrupted' WHERE state IN ('succeeded', 'failed', 'cancelled') "
        "AND EXISTS (SELECT 1 FROM tasks t WHERE t.run = runs.key AND "
        "t.state IN ('waiting', 'ready', 'running', 'delayed'))"},
    Step{"", "DELETE FROM totals"},
    Step{"",
         "INSERT INTO totals (run, tasks, attempts, cost_usd, tokens, waiting, ready, running, "
         "delayed, succeeded, failed, skipped, cancelled, abandoned, healed) "
         "SELECT r.key, coalesce(max(t.key & 4294967295), 0), 0, total(t.cost_usd), "
         "coalesce(sum(t.tokens), 0), coalesce(sum(t.state = 'waiting'), 0), "
         "coalesce(sum(t.state = 'ready'), 0), coalesce(sum(t.state = 'running'), 0), "
         "coalesce(sum(t.state = 'delayed'), 0), coalesce(sum(t.state = 'succeeded'), 0), "
         "coalesce(sum(t.state = 'failed'), 0), coalesce(sum(t.state = 'skipped'), 0), "
         "coalesce(sum(t.state = 'cancelled'), 0), coalesce(sum(t.state = 'abandoned'), 0), "
         "coalesce(sum(t.healed), 0) FROM runs r LEFT JOIN tasks t ON t.run = r.key "
         "GROUP BY r.key"},
    // What the dearest attempt took, as migrations/001.sql does. A record that was mended has none.
    Step{"",
         "UPDATE totals SET attempts = (SELECT coalesce(max(key & 4294967295), 0) FROM attempts "
         "WHERE key BETWEEN totals.run << 32 AND (totals.run << 32) + 4294967295)"},
    Step{"",
         "UPDATE totals SET (highest_usd, highest_tokens) = (SELECT "
         "coalesce(max(CAST(details ->> '$.report.cost_usd' AS REAL)), 0), "
         "coalesce(max(coalesce(CAST(details ->> '$.report.tokens_in' AS INTEGER), 0) + "
         "coalesce(CAST(details ->> '$.report.tokens_out' AS INTEGER), 0)), 0) "
         "FROM attempts WHERE key BETWEEN totals.run << 32 AND (totals.run << 32) + 4294967295 "
         "AND json_valid(details))"},
};

}  // namespace darn
