-- question: which mailboxes that are not their own did these actors open last, and when?
-- columns: last_at, mailbox_ref
SELECT l.last_at, n.text
FROM (
  SELECT mailbox_ref, max(last_at) AS last_at
  FROM sums
  WHERE kind = 'access' AND NOT is_noise
    AND (actor_name IN $actors OR actor_sid IN $actors OR app_id IN $actors)
    AND (mailbox_ref IS NULL OR mailbox_ref NOT IN $own)  -- when own
  GROUP BY mailbox_ref
  ORDER BY last_at DESC
  LIMIT $at_most
) AS l
LEFT JOIN names AS n ON n.name_id = l.mailbox_ref
