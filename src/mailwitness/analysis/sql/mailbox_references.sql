-- question: by which references are mailboxes and objects named in this trail?
-- columns: reference, form
SELECT DISTINCT mailbox_ref AS reference, mailbox_ref_form AS form FROM events WHERE mailbox_ref IS NOT NULL
UNION
SELECT DISTINCT object_dn AS reference, 'dn' AS form FROM events WHERE object_dn IS NOT NULL
UNION
SELECT DISTINCT object_guid AS reference, 'guid' AS form FROM events WHERE object_guid IS NOT NULL
ORDER BY reference, form
