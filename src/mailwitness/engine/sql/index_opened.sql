-- question: which mailboxes do these actors' records of access name, how often, and when first and last?
-- columns: mailbox_ref, records, first_at, last_at
SELECT n.text, g.records, g.first_at, g.last_at
FROM (
  SELECT mailbox_ref, sum(records)::BIGINT AS records, min(first_at) AS first_at, max(last_at) AS last_at
  FROM sums
  WHERE kind = 'access' AND NOT is_noise
    AND (actor_name IN $actors OR actor_sid IN $actors OR app_id IN $actors)
  GROUP BY mailbox_ref
  ORDER BY records DESC
  LIMIT 1000
) AS g
JOIN names AS n ON n.name_id = g.mailbox_ref
