-- question: which kinds of events has the trail newly sealed, and between which times did they happen?
-- columns: kind, first_at, last_at
SELECT kind, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM events
WHERE seq >= $since_seq AND seq < $until_seq
GROUP BY kind
ORDER BY kind
