-- question: in which fields do the new events hold which text, where no event before did?
-- columns: field, name_id
INSERT INTO used
SELECT DISTINCT told.field, n.name_id
FROM (/* fields */) AS told JOIN names AS n ON n.text = told.text
WHERE NOT EXISTS (SELECT 1 FROM used AS u WHERE u.field = told.field AND u.name_id = n.name_id)
