-- question: which records tell how a switch of Exchange was turned, or how it stood until then?
-- columns: occurred_at, source, attribute, before, after, and whose it is
SELECT occurred_at, source, attribute, before, after, mailbox_ref, mailbox_ref_form, trustee_name, trustee_sid
FROM events
WHERE kind = 'audit' AND action IN ('settings_changed', 'bypass_set') AND outcome <> 'failure' AND NOT recovered
ORDER BY occurred_at, computer, record_id, seq
