-- question: which entries meet which pair of actor and mailbox, over which membership, in which time?
-- columns: actor, mailbox, asked, allows, folder, since, until
SELECT p.actor, p.mailbox, p.asked, g.allows, g.folder, greatest(g.since, t.since, c.since) AS since,
       least(g.until, t.until, c.until) AS until
FROM bulk_pairs AS p
JOIN bulk_chain AS c ON c.mailbox = p.mailbox
JOIN bulk_grants AS g ON g.target = c.target AND ((c.place <> 'above' AND g.is_own) OR (c.place <> 'itself' AND g.passes))
JOIN bulk_asked AS q ON q.asked = p.asked AND q.question = g.question
JOIN bulk_tokens AS t ON t.actor = p.actor AND t.principal = g.trustee
WHERE greatest(g.since, t.since, c.since) < least(g.until, t.until, c.until)
