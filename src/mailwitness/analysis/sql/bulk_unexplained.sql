-- question: which accesses had no way open at their time?
-- columns: event_id
SELECT a.event_id
FROM bulk_accesses AS a
LEFT JOIN bulk_open AS o
  ON o.actor = a.actor AND o.mailbox = a.mailbox AND o.asked = a.asked AND a.at >= o.since AND a.at < o.until
WHERE o.actor IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM bulk_folders AS f
    WHERE f.actor = a.actor AND f.mailbox = a.mailbox AND f.asked = a.asked AND a.at >= f.since AND a.at < f.until
      AND (a.folder IS NULL OR a.folder = f.folder)
  )
