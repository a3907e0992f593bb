-- question: who opened, read or used these mailboxes, the latest first?
-- columns: those of accesses_merged
-- include accesses_merged
SELECT * FROM asked
WHERE true
  AND noise IS NULL  -- when quiet
ORDER BY occurred_at DESC, computer, record_id, seq
LIMIT $at_most
