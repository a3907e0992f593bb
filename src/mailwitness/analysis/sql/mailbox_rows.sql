-- question: which records of access name these mailboxes (or actors), as far as they can matter for the answer?
-- columns: those of accesses_merged, before several records of one access are put together
-- Records of stores and cmdlets are merged afterwards, whatever they say; of the others those of owners may go now.
-- What only the record's own page shows (its channel, its evidence, ...) is not read: every column of every file costs.
SELECT event_id, log_id, seq, occurred_at, NULL::TIMESTAMPTZ AS occurred_until_at, NULL::VARCHAR AS time_quality,
       'access' AS kind, action, outcome, NULL::VARCHAR[] AS rights, NULL::VARCHAR AS scope, folder,
       NULL::VARCHAR AS database, items, actor_sid, actor_name, actor_kind, mailbox_ref, mailbox_ref_form,
       NULL::VARCHAR AS trustee_sid, NULL::VARCHAR AS trustee_name, client_ip, client_host, client_app, app_id,
       session_id, logon_id, through_server, strength, logon_type, source, computer, NULL::VARCHAR AS channel, provider,
       event_code, record_id, NULL::VARCHAR AS evidence_sha256, NULL::BOOLEAN AS recovered, noise
FROM events
WHERE kind = 'access'
  AND coalesce(scope, 'mailbox') IN ('mailbox', 'folder', 'database')
  AND occurred_at >= $since - INTERVAL 30 SECOND              -- when since
  AND occurred_at < $until + INTERVAL 30 SECOND               -- when until
  AND event_id IN (SELECT event_id FROM asked_events)         -- when by_id
  AND mailbox_ref IN $references                              -- when references
  AND (actor_name IN $actors OR actor_sid IN $actors)         -- when actors
  AND (coalesce(logon_type, '') <> 'owner' OR actor_kind IN ('application', 'service', 'system')  -- when non_owner
       OR source IN ('exchange_store', 'exchange_cmdlets', 'admin_audit'))                        -- when non_owner
ORDER BY occurred_at DESC
LIMIT $at_most
