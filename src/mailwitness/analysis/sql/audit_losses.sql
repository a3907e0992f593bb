-- question: which records say themselves that records were lost or that auditing changed?
-- columns: the event's fields that tell a loss
SELECT event_id, occurred_at, occurred_until_at, kind, action, outcome, attribute, before, after, actor_name, computer,
       channel, provider, event_code, record_id, mailbox_ref, source, through_server
FROM events
WHERE kind = 'audit'
  AND action IN ('log_cleared', 'discarded', 'throttled', 'gap', 'policy_changed', 'bypass_set')
  AND coalesce(occurred_until_at, occurred_at) >= $since  -- when since
  AND occurred_at < $until   -- when until
ORDER BY occurred_at, computer, record_id
