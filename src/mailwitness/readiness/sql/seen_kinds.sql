-- question: which kinds of events does each log hold, hour by hour?
-- columns: computer, channel, provider, event_code, source, seen_at (the first of the hour)
SELECT computer, channel, provider, event_code, source, min(occurred_at) AS seen_at
FROM events
WHERE NOT recovered
  AND (mailbox_ref IN $references OR object_dn IN $references OR object_guid IN $references) -- when references
GROUP BY computer, channel, provider, event_code, source, date_trunc('hour', occurred_at)
ORDER BY seen_at
