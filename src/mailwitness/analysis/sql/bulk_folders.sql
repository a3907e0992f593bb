-- question: from when until when had a pair a right on one folder?
-- columns: actor, mailbox, asked, folder, since, until
SELECT actor, mailbox, asked, folder, since, until FROM bulk_candidates WHERE allows AND folder IS NOT NULL
