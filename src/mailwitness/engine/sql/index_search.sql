-- question: which events hold these words in their names or long texts, and pass these filters, the latest first?
-- columns: seq, occurred_at
SELECT e.seq, e.occurred_at FROM entries AS e
WHERE true
  AND e.id >= $id_from AND e.id <= $id_to  -- when id_from
  AND e.occurred_at >= $since  -- when since
  AND e.occurred_at < $until   -- when until
  AND e.kind IN $kinds         -- when kinds
  AND e.action = $action       -- when action
  AND e.outcome = $outcome     -- when outcome
  AND e.source = $source       -- when source
  AND contains(lower(e.rights), $right)  -- when right
  AND (e.logon_type IS DISTINCT FROM 'owner' OR e.kind <> 'access')  -- when non_owner
  AND NOT e.is_noise           -- when quiet
  AND (e.mailbox_ref IN $mailboxes OR e.object IN $mailboxes OR e.group_name IN $mailboxes)  -- when mailboxes
  AND (e.actor_name IN $actors OR e.actor_sid IN $actors OR e.app_id IN $actors)  -- when actors
  /* words */
