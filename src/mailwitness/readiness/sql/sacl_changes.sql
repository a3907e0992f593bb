-- question: which objects' audit entries were changed, and when?
-- columns: object_dn, changed_at
-- A descriptor's record (5136) has the whole of it before and after: its audit entries stand last, behind S:.
SELECT object_dn, min(occurred_at) AS changed_at
FROM (
  SELECT computer, object_dn, op_correlation_id, occurred_at,
         CASE WHEN position(')S:' IN coalesce(before, after)) > 0
              THEN substr(coalesce(before, after), position(')S:' IN coalesce(before, after)) + 3) ELSE '' END AS entries
  FROM events
  WHERE attribute = 'nTSecurityDescriptor' AND object_dn IS NOT NULL AND op_correlation_id IS NOT NULL
    AND outcome <> 'failure' AND NOT recovered AND coalesce(before, after) IS NOT NULL
) AS written
GROUP BY computer, object_dn, op_correlation_id
HAVING count(DISTINCT entries) > 1
UNION
SELECT object_dn, occurred_at AS changed_at
FROM events
WHERE kind = 'audit' AND action = 'sacl_changed' AND object_dn IS NOT NULL AND outcome <> 'failure' AND NOT recovered
ORDER BY changed_at, object_dn
