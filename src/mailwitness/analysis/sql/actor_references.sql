-- question: under which names and SIDs does anybody act in this trail?
-- columns: reference
SELECT DISTINCT actor_name AS reference FROM events WHERE actor_name IS NOT NULL
UNION
SELECT DISTINCT actor_sid AS reference FROM events WHERE actor_sid IS NOT NULL
ORDER BY reference
