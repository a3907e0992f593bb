-- question: which application opened a mailbox for the first time, and what was known of it before?
-- columns: app_id, mailbox_ref, occurred_at, event_id, seq, actor_name, actor_sid, noise, mailboxes_before,
--          mailboxes_since, days_known
-- mailboxes_before: other mailboxes this application had opened before; mailboxes_since: within a day from then on;
-- days_known: for how long accesses to this mailbox were on record before. seq: the latest of what is counted.
WITH used AS (
  SELECT lower(app_id) AS app_id, lower(mailbox_ref) AS mailbox_ref, occurred_at, event_id, seq, actor_name, actor_sid, noise
  FROM events
  WHERE kind = 'access' AND app_id IS NOT NULL AND mailbox_ref IS NOT NULL AND outcome <> 'failure'
    AND seq < $until_seq
),
firsts AS (
  SELECT app_id, mailbox_ref, min(occurred_at) AS occurred_at, arg_min(event_id, (occurred_at, seq)) AS event_id,
    arg_min(seq, (occurred_at, seq)) AS seq, arg_min(actor_name, (occurred_at, seq)) AS actor_name,
    arg_min(actor_sid, (occurred_at, seq)) AS actor_sid, arg_min(noise, (occurred_at, seq)) AS noise
  FROM used
  GROUP BY app_id, mailbox_ref
),
known AS (
  SELECT lower(mailbox_ref) AS mailbox_ref, min(occurred_at) AS since_at
  FROM events
  WHERE kind = 'access' AND mailbox_ref IS NOT NULL AND seq < $until_seq
  GROUP BY lower(mailbox_ref)
),
counted AS (
  SELECT f.* EXCLUDE (seq),
    max(f.seq) OVER (PARTITION BY app_id ORDER BY f.occurred_at
      RANGE BETWEEN CURRENT ROW AND INTERVAL 1 DAY FOLLOWING) AS seq,
    count(*) OVER (PARTITION BY app_id ORDER BY f.occurred_at
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS mailboxes_before,
    count(*) OVER (PARTITION BY app_id ORDER BY f.occurred_at
      RANGE BETWEEN CURRENT ROW AND INTERVAL 1 DAY FOLLOWING) AS mailboxes_since,
    (epoch(f.occurred_at) - epoch(k.since_at)) / 86400 AS days_known
  FROM firsts AS f JOIN known AS k ON k.mailbox_ref = f.mailbox_ref
)
SELECT * FROM counted WHERE seq >= $since_seq ORDER BY occurred_at, app_id, mailbox_ref
