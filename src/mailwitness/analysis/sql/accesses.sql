-- question: who opened, read or used a mailbox, and how strong is it?
-- columns: those of accesses_merged
-- include accesses_merged
SELECT * FROM asked
WHERE true
  AND noise IS NULL  -- when quiet
ORDER BY occurred_at, computer, record_id, seq
LIMIT $at_most       -- when at_most
