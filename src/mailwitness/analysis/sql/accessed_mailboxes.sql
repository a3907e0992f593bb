-- question: by which references are mailboxes named that were opened, read or used?
-- columns: mailbox_ref
SELECT DISTINCT mailbox_ref FROM events WHERE kind = 'access' AND mailbox_ref IS NOT NULL ORDER BY mailbox_ref
