-- question: from which clients was the account logged on to the same server shortly before it opened a mailbox?
-- columns: event_id, client_host, client_ip, logon_event_id, logged_on_at (the last logon from that client)
SELECT a.event_id, l.client_host, l.client_ip, max_by(l.event_id, (l.occurred_at, l.event_id)) AS logon_event_id,
       max(l.occurred_at) AS logged_on_at
FROM clientless AS a
JOIN events AS l
  ON l.kind = 'logon' AND l.action = 'logon' AND l.outcome <> 'failure'
 AND lower(l.computer) = a.computer AND lower(l.actor_name) = a.actor_name
 AND l.occurred_at >= a.since AND l.occurred_at <= a.until
WHERE l.client_host IS NOT NULL OR l.client_ip IS NOT NULL
GROUP BY a.event_id, l.client_host, l.client_ip
ORDER BY a.event_id, logged_on_at DESC, l.client_host, l.client_ip
