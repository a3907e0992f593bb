-- question: for how long has each log been silent, and how long was its longest pause of the sixty days before?
-- columns: computer, channel, source, records, last_at, last_event_id, last_seq, longest_seconds, silent_seconds
WITH logged AS (
  SELECT lower(computer) AS computer, channel, source, occurred_at, event_id, seq,
    epoch(occurred_at) - epoch(lag(occurred_at) OVER (
      PARTITION BY lower(computer), channel, source ORDER BY occurred_at, seq)) AS pause
  FROM events
  WHERE computer IS NOT NULL AND seq < $until_seq AND occurred_at <= $at AND occurred_at >= $at - INTERVAL 60 DAY
)
SELECT computer, channel, source, count(*) AS records, max(occurred_at) AS last_at,
  arg_max(event_id, (occurred_at, seq)) AS last_event_id, arg_max(seq, (occurred_at, seq)) AS last_seq,
  max(coalesce(pause, 0)) AS longest_seconds, epoch($at) - epoch(max(occurred_at)) AS silent_seconds
FROM logged
GROUP BY computer, channel, source
ORDER BY computer, channel, source
