-- question: what did each computer say its audit policy is, or was changed by, in order of time?
-- columns: event_id, computer, action, attribute, after
SELECT event_id, lower(computer) AS computer, action, attribute, after
FROM events
WHERE kind = 'audit' AND action IN ('policy_changed', 'log_cleared') AND computer IS NOT NULL
  AND occurred_at < $until   -- when until
ORDER BY occurred_at, computer, record_id, seq
