-- question: between which times does a hole in a log's record numbers lie?
-- columns: computer, channel, first, last, after_at (the last record before it), before_at (the first after it)
WITH numbered AS (
  SELECT lower(computer) AS computer, lower(channel) AS channel, record_id, min(occurred_at) AS first_at,
         max(occurred_at) AS last_at, bool_or(action = 'log_cleared') AS clears
  FROM events
  WHERE NOT recovered AND record_id IS NOT NULL
    AND lower(computer) IN (SELECT computer FROM holes)
  GROUP BY ALL
)
SELECT h.computer, h.channel, h.first, h.last, b.last_at AS after_at, a.first_at AS before_at,
       coalesce(a.record_id = h.last + 1 AND a.clears, false) AS was_cleared
FROM holes AS h
ASOF LEFT JOIN numbered AS b ON b.computer = h.computer AND b.channel = h.channel AND b.record_id < h.first
ASOF LEFT JOIN numbered AS a ON a.computer = h.computer AND a.channel = h.channel AND a.record_id > h.last
ORDER BY h.computer, h.channel, h.first
