-- question: who opened what and logged on, from where, how often, in the new events?
-- columns: those of sums
INSERT INTO sums
SELECT kind, actor_name, actor_sid, app_id, mailbox_ref, client_host, client_ip, is_noise, count(*) AS records,
       min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM entries
WHERE seq >= $since AND kind IN ('access', 'logon')
GROUP BY ALL
