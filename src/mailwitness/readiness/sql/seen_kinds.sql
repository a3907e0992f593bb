-- question: which kinds of events does each log hold, since auditing last changed there?
-- columns: computer, channel, provider, event_code, source, number (of the time between two changes), seen_at (first)
SELECT e.computer, e.channel, e.provider, e.event_code, e.source, t.number, min(e.occurred_at) AS seen_at
FROM (
  SELECT CASE WHEN source IN $organization_sources THEN '@' || source ELSE coalesce(lower(computer), '') END AS log,
         coalesce(lower(computer), '') AS computer, coalesce(lower(channel), '') AS channel,
         coalesce(lower(provider), '') AS provider, event_code, source, occurred_at
  FROM events
  WHERE NOT recovered
) AS e
JOIN times_between AS t ON t.log = e.log AND e.occurred_at >= t.since AND e.occurred_at < t.until
GROUP BY e.computer, e.channel, e.provider, e.event_code, e.source, t.number
ORDER BY seen_at
