-- question: where in the trail do these events stand?
-- columns: event_id, seq
SELECT event_id, seq
FROM events
WHERE event_id IN (SELECT event_id FROM rule_witnesses)
  AND occurred_at >= $since AND occurred_at <= $until
