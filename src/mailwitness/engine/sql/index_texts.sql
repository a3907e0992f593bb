-- question: which long texts do the new events hold: subjects, values, and the parameters of cmdlets?
-- columns: seq, folded
INSERT INTO texts
SELECT seq, lower(text) AS folded
FROM (
  SELECT seq, unnest(items).subject AS text FROM events WHERE seq >= $since AND len(items) > 0
  UNION ALL
  SELECT seq, after AS text FROM events WHERE seq >= $since AND kind <> 'access' AND after IS NOT NULL
  UNION ALL
  SELECT seq, before AS text FROM events WHERE seq >= $since AND kind <> 'access' AND before IS NOT NULL
  UNION ALL
  SELECT seq, replace(replace(decode(entry), '\"', '"'), '\\', '\') AS text FROM events  -- without JSON's escapes
  WHERE seq >= $since AND source IN ('exchange_cmdlets', 'admin_audit', 'unified_audit') AND kind <> 'access'
) AS told
WHERE text IS NOT NULL AND text <> ''
