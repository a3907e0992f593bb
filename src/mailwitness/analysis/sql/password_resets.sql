-- question: whose password did somebody set, and when?
-- columns: event_id, occurred_at, actor_name, actor_sid, account_name, account_sid, evidence_sha256
SELECT event_id, occurred_at, actor_name, actor_sid, coalesce(trustee_name, mailbox_ref) AS account_name,
       trustee_sid AS account_sid, evidence_sha256
FROM events
WHERE kind = 'account' AND action = 'password_reset' AND outcome <> 'failure'
ORDER BY occurred_at, computer, record_id, seq
