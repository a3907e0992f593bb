-- question: from when until when are records at hand, by computer, provider and source?
-- columns: computer, channel, provider, source, first_at, last_at (of the whole log: all its providers)
SELECT p.computer, p.channel, p.provider, p.source, l.first_at, l.last_at
FROM (SELECT DISTINCT computer, channel, provider, source FROM events WHERE NOT recovered) AS p
JOIN (
  SELECT computer, channel, CASE WHEN channel IS NULL THEN source END AS only_source,
         min(occurred_at) AS first_at, max(occurred_at) AS last_at
  FROM events WHERE NOT recovered
  GROUP BY computer, channel, CASE WHEN channel IS NULL THEN source END
) AS l
  ON coalesce(lower(p.computer), '') = coalesce(lower(l.computer), '')
 AND coalesce(lower(p.channel), '') = coalesce(lower(l.channel), '')
 AND (l.only_source IS NULL OR l.only_source = p.source)
ORDER BY p.computer, p.provider, p.source
