-- question: by which sources are accesses to mailboxes known?
-- columns: source
SELECT DISTINCT source FROM events WHERE kind = 'access' ORDER BY source
