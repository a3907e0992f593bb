-- question: which accesses of an owner came, soon after a password was set, from a client not seen for that mailbox?
-- columns: the access, its client, and the reset that may explain it (whose account it was is left to the caller)
WITH resets AS (
  SELECT event_id AS reset_event_id, occurred_at AS reset_at, actor_name AS reset_by, actor_sid AS reset_by_sid,
         coalesce(trustee_name, mailbox_ref) AS reset_name, trustee_sid AS reset_sid
  FROM events
  WHERE kind = 'account' AND action = 'password_reset' AND outcome <> 'failure'
),
own AS (
  SELECT event_id, occurred_at, mailbox_ref, mailbox_ref_form, actor_name, actor_sid, actor_kind, app_id,
         coalesce(client_host, client_ip) AS client
  FROM events
  WHERE kind = 'access' AND outcome <> 'failure' AND logon_type = 'owner'
    AND coalesce(client_host, client_ip) IS NOT NULL
)
SELECT o.event_id, o.occurred_at, o.mailbox_ref, o.mailbox_ref_form, o.actor_name, o.actor_sid, o.actor_kind, o.app_id,
       o.client, r.reset_event_id, r.reset_at, r.reset_by, r.reset_by_sid, r.reset_name, r.reset_sid
FROM resets AS r
JOIN own AS o ON o.occurred_at >= r.reset_at AND o.occurred_at < r.reset_at + $within
WHERE NOT EXISTS (
  SELECT 1 FROM own AS before
  WHERE before.mailbox_ref = o.mailbox_ref AND before.client = o.client
    AND before.occurred_at < r.reset_at AND before.occurred_at >= r.reset_at - $known
)
  AND EXISTS (
  SELECT 1 FROM own AS usual
  WHERE usual.mailbox_ref = o.mailbox_ref AND usual.occurred_at < r.reset_at AND usual.occurred_at >= r.reset_at - $known
)
ORDER BY o.occurred_at, o.event_id, r.reset_at
