-- question: how many accesses by another than the owner were there, and which had no way open at their time?
-- columns: accesses, unexplained (a list of texts: event_id|actor|mailbox|asked|at|folder; -1 for nobody known)
-- include bulk_accesses
SELECT count(*) AS accesses,
       array_agg(concat_ws('|', a.event_id, coalesce(p.thing, -1), coalesce(m.thing, -1), a.asked,
                           epoch_us(a.occurred_at), a.folder)) FILTER (WHERE o.actor IS NULL) AS unexplained
FROM asked AS a
LEFT JOIN bulk_meant AS p
  ON p.role = 'actor' AND p.reference = a.who
 AND epoch_us(a.occurred_at) >= p.since AND epoch_us(a.occurred_at) < p.until
LEFT JOIN bulk_meant AS m
  ON m.role = 'mailbox' AND m.reference = a.mailbox_ref
 AND epoch_us(a.occurred_at) >= m.since AND epoch_us(a.occurred_at) < m.until
LEFT JOIN bulk_open AS o
  ON o.actor = p.thing AND o.mailbox = m.thing AND o.asked = a.asked
 AND epoch_us(a.occurred_at) >= o.since AND epoch_us(a.occurred_at) < o.until
WHERE p.thing IS DISTINCT FROM m.thing OR p.thing IS NULL OR a.actor_kind IN ('application', 'service', 'system')
