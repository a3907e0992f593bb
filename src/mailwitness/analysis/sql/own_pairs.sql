-- question: by which names did owners, or accounts that may be owners, open mailboxes?
-- columns: mailbox_ref, mailbox_ref_form, actor_name, actor_sid, logon_type
SELECT DISTINCT mailbox_ref, mailbox_ref_form, actor_name, actor_sid, logon_type
FROM events
WHERE kind = 'access' AND outcome <> 'failure' AND mailbox_ref IS NOT NULL
  AND (logon_type = 'owner' OR logon_type IS NULL)
ORDER BY mailbox_ref, mailbox_ref_form, actor_name, actor_sid, logon_type
