-- question: which computers and channels does this trail have records of, and from when until when?
-- columns: computer, channel, source, first_at, last_at, records
SELECT computer, channel, source, min(occurred_at) AS first_at, max(occurred_at) AS last_at, count(*) AS records
FROM events
WHERE NOT recovered
GROUP BY computer, channel, source
ORDER BY computer, channel, source
