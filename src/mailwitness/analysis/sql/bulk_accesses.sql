-- question: which accesses by another than the owner were there, by the numbers of actor and mailbox?
-- columns: event_id, actor, mailbox, asked, folder, at (microseconds)
WITH asked AS (
  SELECT event_id, occurred_at, mailbox_ref, lower(folder) AS folder, action, actor_kind, logon_type,
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
SELECT a.event_id, coalesce(p.thing, -1) AS actor, coalesce(m.thing, -1) AS mailbox, a.asked,
       CASE WHEN a.action = 'logon' THEN NULL ELSE a.folder END AS folder, epoch_us(a.occurred_at) AS at
FROM asked AS a
LEFT JOIN bulk_meant AS p
  ON p.role = 'actor' AND p.reference = a.who
 AND epoch_us(a.occurred_at) >= p.since AND epoch_us(a.occurred_at) < p.until
LEFT JOIN bulk_meant AS m
  ON m.role = 'mailbox' AND m.reference = a.mailbox_ref
 AND epoch_us(a.occurred_at) >= m.since AND epoch_us(a.occurred_at) < m.until
WHERE p.thing IS DISTINCT FROM m.thing OR a.actor_kind IN ('application', 'service', 'system')
