-- question: which source has told of accesses to which mailbox?
-- columns: source, mailbox_ref, mailbox_ref_form
SELECT DISTINCT source, mailbox_ref, mailbox_ref_form
FROM events
WHERE kind = 'access' AND mailbox_ref IS NOT NULL AND NOT recovered
ORDER BY source, mailbox_ref
