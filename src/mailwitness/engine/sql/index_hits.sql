-- question: which texts hold this word, and in which fields does any event hold them?
-- columns: field, name_id
SELECT u.field, u.name_id
FROM names AS n JOIN used AS u ON u.name_id = n.name_id
WHERE contains(n.folded, $word)
