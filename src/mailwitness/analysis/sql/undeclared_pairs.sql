-- question: who accessed which mailbox by a record that does not say whether as its owner?
-- columns: actor_name, mailbox_ref
SELECT DISTINCT actor_name, mailbox_ref
FROM events
WHERE kind = 'access' AND logon_type IS NULL AND actor_name IS NOT NULL AND mailbox_ref IS NOT NULL
  AND occurred_at >= $since  -- when since
  AND occurred_at < $until   -- when until
ORDER BY actor_name, mailbox_ref
