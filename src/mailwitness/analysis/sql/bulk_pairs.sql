-- question: which actor asked what of which mailbox, at whatever time?
-- columns: actor, mailbox, asked
SELECT DISTINCT p.thing AS actor, m.thing AS mailbox, a.asked
FROM (
  SELECT DISTINCT mailbox_ref,
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
) AS a
JOIN bulk_meant AS p ON p.role = 'actor' AND p.reference = a.who
JOIN bulk_meant AS m ON m.role = 'mailbox' AND m.reference = a.mailbox_ref
