-- question: on which days of a span were mailboxes opened, and how often?
-- columns: day_at (its midnight), accesses
SELECT date_trunc('day', occurred_at) AS day_at, count(*) AS accesses
FROM events
WHERE kind = 'access' AND occurred_at >= $since AND occurred_at <= $until
GROUP BY day_at
ORDER BY day_at
