-- question: which actor asked what of which mailbox, at whatever time?
-- columns: actor, mailbox, asked
-- include bulk_accesses
SELECT DISTINCT p.thing AS actor, m.thing AS mailbox, a.asked
FROM (SELECT DISTINCT mailbox_ref, who, asked FROM asked) AS a
JOIN bulk_meant AS p ON p.role = 'actor' AND p.reference = a.who
JOIN bulk_meant AS m ON m.role = 'mailbox' AND m.reference = a.mailbox_ref
