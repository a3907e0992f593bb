-- question: when did these actors last open mailboxes that are not their own, and which?
-- columns: occurred_at, mailbox_ref
SELECT l.occurred_at, n.text
FROM (
  SELECT occurred_at, mailbox_ref
  FROM entries
  WHERE kind = 'access' AND NOT is_noise
    AND (actor_name IN $actors OR actor_sid IN $actors OR app_id IN $actors)
    AND (mailbox_ref IS NULL OR mailbox_ref NOT IN $own)  -- when own
  ORDER BY occurred_at DESC
  LIMIT $at_most
) AS l
LEFT JOIN names AS n ON n.name_id = l.mailbox_ref
