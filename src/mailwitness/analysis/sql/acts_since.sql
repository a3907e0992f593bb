-- question: what did people do with the trail, from this size on?
-- columns: seq, entry (canonical JSON of the leaf of an act)
SELECT seq, entry
FROM leaves
WHERE leaf_kind = 'act'
  AND seq >= $size
ORDER BY seq
