-- What the dearest attempt of a run cost: a resumed run and a re-run reserve as much of a budget.
ALTER TABLE totals ADD COLUMN highest_usd REAL NOT NULL DEFAULT 0;
ALTER TABLE totals ADD COLUMN highest_tokens INTEGER NOT NULL DEFAULT 0;

UPDATE totals SET (highest_usd, highest_tokens) = (
  SELECT ifnull(max(json_extract(details, '$.report.cost_usd')), 0),
         ifnull(max(ifnull(json_extract(details, '$.report.tokens_in'), 0) +
                    ifnull(json_extract(details, '$.report.tokens_out'), 0)), 0)
  FROM attempts WHERE key BETWEEN totals.run * 4294967296 AND totals.run * 4294967296 + 4294967295
) WHERE cost_usd > 0 OR tokens > 0;
