-- question: which events are these, with everything they say and their entry?
-- columns: every column of the event
SELECT * FROM events
WHERE seq IN $seqs
  AND occurred_at >= $since  -- when since
  AND occurred_at <= $until  -- when until
  AND mailbox_ref IN $references  -- when references
ORDER BY occurred_at, seq
