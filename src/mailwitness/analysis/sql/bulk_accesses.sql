-- question: which accesses by another than the owner were there, by whom, and what did each ask?
-- columns: event_id, occurred_at, mailbox_ref, actor_kind, folder, who, asked
WITH asked AS (
  SELECT event_id, occurred_at, mailbox_ref, actor_kind,
         CASE WHEN action = 'logon' THEN '' ELSE coalesce(lower(folder), '') END AS folder,
         CASE WHEN actor_kind = 'application' THEN coalesce(app_id, actor_sid, actor_name)
              ELSE coalesce(actor_sid, actor_name) END AS who,
         CASE WHEN action IN ('send_as', 'send_on_behalf', 'export', 'search') THEN action ELSE 'open' END AS asked
  FROM events
  WHERE kind = 'access' AND outcome <> 'failure'
    AND coalesce(scope, 'mailbox') IN ('mailbox', 'folder', 'database')
    AND (coalesce(logon_type, '') <> 'owner' OR actor_kind IN ('application', 'service', 'system'))
    AND occurred_at >= $since  -- when since
    AND occurred_at < $until   -- when until
    AND noise IS NULL          -- when quiet
)
