-- question: between which times does a hole in a log's record numbers lie?
-- columns: computer, channel, first, last, after_at (the last record before it), before_at (the first after it)
SELECT h.computer, h.channel, h.first, h.last,
       max(CASE WHEN e.record_id < h.first THEN e.occurred_at END) AS after_at,
       min(CASE WHEN e.record_id > h.last THEN e.occurred_at END) AS before_at,
       max(CASE WHEN e.record_id = h.last + 1 AND e.action = 'log_cleared' THEN 1 ELSE 0 END) AS was_cleared
FROM holes AS h
LEFT JOIN events AS e
  ON lower(e.computer) = h.computer AND lower(e.channel) = h.channel AND NOT e.recovered
GROUP BY h.computer, h.channel, h.first, h.last
ORDER BY h.computer, h.channel, h.first
