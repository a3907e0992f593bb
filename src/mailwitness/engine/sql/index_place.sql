-- question: where does the event stand whose id begins with these 16 digits?
-- columns: seq, occurred_at, mailbox_ref, kind
SELECT e.seq, e.occurred_at, n.text, e.kind
FROM entries AS e LEFT JOIN names AS n ON n.name_id = e.mailbox_ref
WHERE e.id = $id
ORDER BY e.seq
LIMIT 1
