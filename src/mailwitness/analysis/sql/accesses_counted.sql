-- question: how many accesses are there, and how many of them are noise?
-- columns: found, noisy
SELECT count(*) AS found, count(noise) AS noisy
FROM events
WHERE kind = 'access'
  AND coalesce(scope, 'mailbox') IN ('mailbox', 'folder', 'database')
  AND occurred_at >= $since                                   -- when since
  AND occurred_at < $until                                    -- when until
  AND outcome = $outcome                                      -- when outcome
  AND list_contains(rights, $right)                           -- when right
  AND mailbox_ref IN (SELECT unnest($references))             -- when references
  AND (actor_name IN (SELECT unnest($actors)) OR actor_sid IN (SELECT unnest($actors)))  -- when actors
  AND (coalesce(logon_type, '') <> 'owner' OR actor_kind IN ('application', 'service', 'system'))  -- when non_owner
  AND NOT EXISTS (                                            -- when non_owner
    SELECT 1 FROM own_mailboxes AS o                          -- when non_owner
    WHERE events.logon_type IS NULL                           -- when non_owner
      AND o.actor_name = events.actor_name AND o.mailbox_ref = events.mailbox_ref  -- when non_owner
  )                                                           -- when non_owner
