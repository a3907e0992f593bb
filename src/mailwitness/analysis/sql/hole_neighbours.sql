-- question: between which times does a hole in a log's record numbers lie?
-- columns: computer, channel, first, last, after_at (the last record before it), before_at (the first after it)
-- Holes and records are put in one row by number: the record before a hole is the highest that stands before its first
-- number, the record after it the lowest behind its last. (ASOF joins are shorter, but no other engine has them.)
WITH numbered AS (
  SELECT lower(computer) AS computer, lower(channel) AS channel, record_id, min(occurred_at) AS first_at,
         max(occurred_at) AS last_at, bool_or(action = 'log_cleared') AS clears
  FROM events
  WHERE NOT recovered AND record_id IS NOT NULL
    AND lower(computer) IN (SELECT computer FROM holes)
  GROUP BY lower(computer), lower(channel), record_id
),
placed AS (
  SELECT computer, channel, record_id AS place, 1 AS turn, record_id, CAST(NULL AS BIGINT) AS first,
         CAST(NULL AS BIGINT) AS last
  FROM numbered
  UNION ALL
  SELECT computer, channel, first AS place, 0 AS turn, NULL, first, last FROM holes
  UNION ALL
  SELECT computer, channel, last AS place, 2 AS turn, NULL, first, last FROM holes
),
beside AS (
  SELECT computer, channel, turn, first, last,
         max(record_id) OVER (PARTITION BY computer, channel ORDER BY place, turn
                              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS below,
         min(record_id) OVER (PARTITION BY computer, channel ORDER BY place, turn
                              ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS above
  FROM placed
),
bounds AS (
  SELECT computer, channel, first, last, max(CASE WHEN turn = 0 THEN below END) AS below,
         max(CASE WHEN turn = 2 THEN above END) AS above
  FROM beside
  WHERE turn <> 1
  GROUP BY computer, channel, first, last
)
SELECT h.computer, h.channel, h.first, h.last, b.last_at AS after_at, a.first_at AS before_at,
       coalesce(h.above = h.last + 1 AND a.clears, false) AS was_cleared
FROM bounds AS h
LEFT JOIN numbered AS b ON b.computer = h.computer AND b.channel = h.channel AND b.record_id = h.below
LEFT JOIN numbered AS a ON a.computer = h.computer AND a.channel = h.channel AND a.record_id = h.above
ORDER BY h.computer, h.channel, h.first
