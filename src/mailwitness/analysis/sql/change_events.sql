-- question: which events say that a right, a membership, a role, a route, an audit setting or an account changed?
-- columns: every field of the event but its entry, and seq
SELECT log_id, seq, event_id, schema_version, occurred_at, occurred_until_at, organization, supersedes, kind, action,
       outcome, scope, folder, database, object_dn, object_guid, object_class, attribute, before, after,
       time_quality, actor_sid, actor_name, actor_kind, mailbox_ref, mailbox_ref_form, trustee_sid, trustee_name,
       group_sid, group_name, client_ip, client_host, client_app, app_id, session_id, logon_id, through_server,
       strength, logon_type, source, computer, observed_origin, channel, provider, event_code, evidence_sha256,
       op_correlation_id, transaction_id, request_id, rights, items, record_id, "offset", recovered
FROM events
WHERE kind IN ('permission', 'membership', 'role', 'routing', 'audit', 'account')
  AND occurred_at >= $since  -- when since
  AND occurred_at < $until   -- when until
ORDER BY occurred_at, computer, record_id, seq
