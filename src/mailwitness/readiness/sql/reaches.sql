-- question: from when until when are records at hand, by computer, provider and source, and how long are its pauses?
-- columns: computer, channel, provider, source, first_at, last_at, pause (of the whole log: all its providers)
WITH hours AS (
  SELECT CASE WHEN source IN $organization_sources THEN '' ELSE coalesce(lower(computer), '') END AS computer,
         coalesce(lower(channel), '') AS channel, coalesce(lower(provider), '') AS provider, source,
         date_trunc('hour', occurred_at) AS hour, min(occurred_at) AS first_at, max(occurred_at) AS last_at
  FROM events
  WHERE NOT recovered
  GROUP BY CASE WHEN source IN $organization_sources THEN '' ELSE coalesce(lower(computer), '') END,
           coalesce(lower(channel), ''), coalesce(lower(provider), ''), source, date_trunc('hour', occurred_at)
),
of_logs AS (
  SELECT computer, channel, CASE WHEN channel = '' THEN source END AS only_source, hour,
         min(first_at) AS first_at, max(last_at) AS last_at
  FROM hours
  GROUP BY computer, channel, CASE WHEN channel = '' THEN source END, hour
),
paused AS (
  SELECT *, first_at - lag(last_at) OVER (PARTITION BY computer, channel, only_source ORDER BY hour) AS pause
  FROM of_logs
),
logs AS (
  SELECT computer, channel, only_source, min(first_at) AS first_at, max(last_at) AS last_at, max(pause) AS pause
  FROM paused
  GROUP BY computer, channel, only_source
)
SELECT p.computer, p.channel, p.provider, p.source, l.first_at, l.last_at, l.pause
FROM (SELECT DISTINCT computer, channel, provider, source FROM hours) AS p
JOIN logs AS l
  ON l.computer = p.computer AND l.channel = p.channel AND (l.only_source IS NULL OR l.only_source = p.source)
ORDER BY p.computer, p.channel, p.provider, p.source
