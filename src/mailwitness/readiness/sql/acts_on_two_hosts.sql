-- question: which writes on a domain controller stand near a cmdlet that says it went through it?
-- columns: server, controller, ran_at, written_at, mailbox_ref, mailbox_ref_form, object_guid, object_dn
WITH ran AS (
  SELECT lower(computer) AS server, lower(through_server) AS controller, occurred_at, mailbox_ref, mailbox_ref_form
  FROM events
  WHERE source IN $cmdlet_sources AND through_server IS NOT NULL AND computer IS NOT NULL AND mailbox_ref IS NOT NULL
    AND NOT recovered
  ORDER BY occurred_at DESC
  LIMIT 500
)
SELECT r.server, r.controller, r.occurred_at AS ran_at, w.occurred_at AS written_at, r.mailbox_ref, r.mailbox_ref_form,
       w.object_guid, w.object_dn
FROM ran AS r
JOIN events AS w
  ON lower(w.computer) = r.controller AND w.object_dn IS NOT NULL AND w.source NOT IN $cmdlet_sources
 AND w.occurred_at BETWEEN r.occurred_at - INTERVAL 10 MINUTE AND r.occurred_at + INTERVAL 10 MINUTE
ORDER BY r.occurred_at, w.occurred_at
