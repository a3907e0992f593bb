-- question: which events hold this word in a long text: a subject, a value, the parameters of a cmdlet?
-- columns: id (the first 16 digits of event_id as a number)
SELECT DISTINCT e.id
FROM texts AS t JOIN entries AS e ON e.seq = t.seq
WHERE contains(t.folded, $word)
LIMIT 10000
