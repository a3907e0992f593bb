-- question: who opened, read or used a mailbox, by which record, and how strong is it?
-- columns: the event's fields that tell an access
SELECT event_id, log_id, seq, occurred_at, occurred_until_at, time_quality, kind, action, outcome, rights, scope,
       folder, database, items, actor_sid, actor_name, actor_kind, mailbox_ref, mailbox_ref_form, trustee_sid,
       trustee_name, client_ip, client_host, client_app, app_id, session_id, logon_id, through_server, strength,
       logon_type, source, computer, channel, provider, event_code, record_id, evidence_sha256, recovered, noise
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
  AND noise IS NULL                                           -- when quiet
ORDER BY occurred_at, computer, record_id, seq
LIMIT $at_most                                                -- when at_most
