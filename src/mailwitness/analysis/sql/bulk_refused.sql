-- question: for which pairs does something refuse what something else may give, so that the order decides?
-- columns: actor, mailbox, asked
SELECT DISTINCT actor, mailbox, asked FROM bulk_candidates WHERE NOT allows
