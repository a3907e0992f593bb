-- question: of which mailboxes and objects does each log hold events, since auditing last changed there?
-- columns: computer, channel, provider, event_code, source, object_dn, object_guid, mailbox_ref, mailbox_ref_form,
--          number (of the time between two changes), seen_at (first)
SELECT e.computer, e.channel, e.provider, e.event_code, e.source, e.object_dn, e.object_guid, e.mailbox_ref,
       e.mailbox_ref_form, t.number, min(e.occurred_at) AS seen_at
FROM (
  SELECT CASE WHEN source IN $organization_sources THEN '@' || source ELSE coalesce(lower(computer), '') END AS log,
         coalesce(lower(computer), '') AS computer, coalesce(lower(channel), '') AS channel,
         coalesce(lower(provider), '') AS provider, event_code, source, object_dn, object_guid, mailbox_ref,
         mailbox_ref_form, occurred_at
  FROM events
  WHERE NOT recovered
    AND (mailbox_ref IS NOT NULL OR object_dn IS NOT NULL OR object_guid IS NOT NULL)
    AND (event_code IN $codes OR source IN $per_object_sources)
    AND (mailbox_ref IN $references OR object_dn IN $references OR object_guid IN $references) -- when references
) AS e
JOIN times_between AS t ON t.log = e.log AND e.occurred_at >= t.since AND e.occurred_at < t.until
GROUP BY e.computer, e.channel, e.provider, e.event_code, e.source, e.object_dn, e.object_guid, e.mailbox_ref,
         e.mailbox_ref_form, t.number
ORDER BY seen_at
