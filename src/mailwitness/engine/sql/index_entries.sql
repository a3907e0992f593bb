-- question: what are the new events in narrow rows?
-- columns: those of entries
INSERT INTO entries
SELECT seq, id, id_2, id_3, id_4, occurred_at, kind, action, outcome, strength, logon_type, source, event_code, rights, is_noise,
  /* names */
FROM fresh AS e
/* joins */
ORDER BY occurred_at, seq
