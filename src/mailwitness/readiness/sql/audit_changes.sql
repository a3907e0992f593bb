-- question: which records say that auditing itself changed, or that records were lost?
-- columns: computer, channel, source, action, attribute, after, occurred_at, occurred_until_at
SELECT computer, channel, source, action, attribute, after, occurred_at, occurred_until_at
FROM events
WHERE kind = 'audit' AND NOT recovered
ORDER BY occurred_at, record_id
