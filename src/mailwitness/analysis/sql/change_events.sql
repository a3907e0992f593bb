-- question: which events say that a right, a membership, a role, a route, an audit setting or an account changed?
-- columns: every field of the event but its entry, and seq
SELECT * EXCLUDE (leaf_kind, content_digest, entry, month, noise)
FROM events
WHERE kind IN ('permission', 'membership', 'role', 'routing', 'audit', 'account')
  AND occurred_at >= $since  -- when since
  AND occurred_at < $until   -- when until
ORDER BY occurred_at, computer, record_id, seq
