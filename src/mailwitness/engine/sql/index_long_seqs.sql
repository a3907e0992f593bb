-- question: which events hold this word in a long text: a subject, a value, the parameters of a cmdlet?
-- columns: seq (no more than asked for: whoever gets more than he wants joins them instead)
SELECT DISTINCT seq FROM texts WHERE contains(folded, $word) LIMIT $at_most
