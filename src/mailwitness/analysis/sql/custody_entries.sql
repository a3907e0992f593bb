-- question: which evidence came in, and which record numbers of which logs were seen in it?
-- columns: seq, entry (canonical JSON of the custody leaf)
SELECT seq, entry
FROM leaves
WHERE leaf_kind = 'custody'
  AND seq >= $since -- when since
ORDER BY log_id, seq
