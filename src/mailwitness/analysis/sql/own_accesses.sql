-- question: which accesses did the given owners make to their own mailboxes, and from which client?
-- columns: the access, its client, and `owner`, the number the caller gave the pair
SELECT e.event_id, e.occurred_at, e.mailbox_ref, e.actor_name, e.source, e.computer, e.client_host, e.client_ip, p.owner
FROM events AS e
JOIN asked_pairs AS p
  ON e.mailbox_ref = p.mailbox_ref AND e.actor_name IS NOT DISTINCT FROM p.actor_name
 AND e.actor_sid IS NOT DISTINCT FROM p.actor_sid AND e.logon_type IS NOT DISTINCT FROM p.logon_type
WHERE e.kind = 'access' AND e.outcome <> 'failure' AND e.occurred_at >= $since AND e.occurred_at < $until
ORDER BY e.occurred_at, e.computer, e.record_id, e.seq
