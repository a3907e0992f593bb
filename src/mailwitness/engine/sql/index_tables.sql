-- question: what does the index hold?
-- columns: see engine/event_index.py
CREATE TABLE covered (format INTEGER, origin VARCHAR, size BIGINT);
CREATE TABLE names (name_id INTEGER, text VARCHAR, folded VARCHAR);
CREATE TABLE used (field VARCHAR, name_id INTEGER);
CREATE TABLE sums (
  kind VARCHAR, actor_name INTEGER, actor_sid INTEGER, app_id INTEGER, mailbox_ref INTEGER, client_host INTEGER,
  client_ip INTEGER, is_noise BOOLEAN, records BIGINT, first_at TIMESTAMPTZ, last_at TIMESTAMPTZ
);
CREATE TABLE texts (seq BIGINT, folded VARCHAR);
CREATE TABLE entries (
  seq BIGINT, id UBIGINT, id_2 UBIGINT, id_3 UBIGINT, id_4 UBIGINT, occurred_at TIMESTAMPTZ, kind VARCHAR, action VARCHAR, outcome VARCHAR, strength VARCHAR,
  logon_type VARCHAR, source VARCHAR, event_code VARCHAR, rights VARCHAR, is_noise BOOLEAN,
  actor_name INTEGER, actor_sid INTEGER, mailbox_ref INTEGER, trustee_name INTEGER, trustee_sid INTEGER,
  group_name INTEGER, client_ip INTEGER, client_host INTEGER, client_app INTEGER, app_id INTEGER, folder INTEGER,
  object INTEGER, computer INTEGER, attribute INTEGER
);
