-- question: when was auditing of mailboxes or accounts switched off and on?
-- columns: the event's fields that tell a switch
SELECT event_id, occurred_at, source, action, attribute, after, actor_name, actor_sid, actor_kind, app_id, mailbox_ref,
       mailbox_ref_form, trustee_name, trustee_sid, evidence_sha256
FROM events
WHERE kind = 'audit' AND action IN ('settings_changed', 'bypass_set') AND outcome <> 'failure' AND after IS NOT NULL
ORDER BY occurred_at, computer, record_id, seq
