-- question: which evidence do the records of each source stand in?
-- columns: source, evidence_sha256
SELECT DISTINCT source, evidence_sha256 FROM events WHERE source IN $sources ORDER BY source, evidence_sha256
