-- question: which records say that auditing itself changed, or that records were lost?
-- columns: the event's fields that tell it; mailbox and trustee where it is of one alone
SELECT coalesce(lower(computer), '') AS computer, coalesce(lower(channel), '') AS channel, source, action, attribute,
       after, occurred_at, occurred_until_at, record_id, mailbox_ref, mailbox_ref_form, object_dn, trustee_name,
       trustee_sid
FROM events
WHERE kind = 'audit' AND NOT recovered AND outcome <> 'failure'
ORDER BY occurred_at, record_id
