-- question: which texts of the new events are new themselves?
-- columns: name_id, text, folded
INSERT INTO names
SELECT (SELECT coalesce(max(name_id), 0) FROM names) + row_number() OVER (ORDER BY text) AS name_id, text,
       lower(text) AS folded
FROM (/* texts */) AS told
WHERE NOT EXISTS (SELECT 1 FROM names AS known WHERE known.text = told.text)
ORDER BY name_id
