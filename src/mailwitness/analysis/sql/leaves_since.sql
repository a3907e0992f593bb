-- question: which leaves that are no events came from this size on?
-- columns: seq, leaf_kind, entry
SELECT seq, leaf_kind, entry
FROM leaves
WHERE seq >= $size
ORDER BY seq
