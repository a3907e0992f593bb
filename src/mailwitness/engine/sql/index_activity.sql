-- question: how many records of access by others, of access by owners, and of change were there in each period?
-- columns: period, others, owners, changed
WITH own AS (
  SELECT a.name_id AS actor_name, m.name_id AS mailbox_ref
  FROM own_pairs AS o
  JOIN names AS a ON a.text = o.actor_name
  JOIN names AS m ON m.text = o.mailbox_ref
),
shown AS (
  SELECT e.occurred_at, e.kind,
         e.kind = 'access' AND (e.logon_type = 'owner' OR (e.logon_type IS NULL AND o.actor_name IS NOT NULL)) AS by_owner
  FROM entries AS e LEFT JOIN own AS o ON o.actor_name = e.actor_name AND o.mailbox_ref = e.mailbox_ref
  WHERE e.kind IN ('access', 'permission', 'membership', 'role', 'routing', 'audit', 'account') AND NOT e.is_noise
)
SELECT date_trunc($unit, occurred_at) AS period, count(*) FILTER (WHERE kind = 'access' AND NOT by_owner) AS others,
       count(*) FILTER (WHERE by_owner) AS owners, count(*) FILTER (WHERE kind <> 'access') AS changed
FROM shown
GROUP BY period
ORDER BY period
