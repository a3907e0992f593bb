-- question: which record stands before each cleared log whose numbers began anew?
-- columns: computer, channel, cleared_at, after_at (the last record before it)
SELECT c.computer, c.channel, c.cleared_at, max(e.occurred_at) AS after_at
FROM clears AS c
JOIN events AS e
  ON coalesce(lower(e.computer), '') = c.computer AND coalesce(lower(e.channel), '') = c.channel
 AND e.occurred_at < c.cleared_at
WHERE NOT e.recovered
GROUP BY c.computer, c.channel, c.cleared_at
ORDER BY c.computer, c.channel, c.cleared_at
