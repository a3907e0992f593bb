-- question: which actor asked what of which mailbox?
-- columns: actor, mailbox, asked
SELECT DISTINCT actor, mailbox, asked FROM bulk_accesses WHERE actor >= 0 AND mailbox >= 0
