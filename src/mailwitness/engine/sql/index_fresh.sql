-- question: which events came since, and what of them does the index hold?
-- columns: those of entries, with texts in place of numbers
CREATE OR REPLACE TEMP VIEW fresh AS
SELECT seq, ('0x' || event_id[1:16])::UBIGINT AS id, ('0x' || event_id[17:32])::UBIGINT AS id_2,
       ('0x' || event_id[33:48])::UBIGINT AS id_3, ('0x' || event_id[49:64])::UBIGINT AS id_4, occurred_at, kind, action, outcome, strength, logon_type, source,
       event_code, nullif(array_to_string(rights, ', '), '') AS rights, noise IS NOT NULL AS is_noise, actor_name,
       actor_sid, mailbox_ref, trustee_name, trustee_sid, group_name, client_ip, client_host, client_app, app_id,
       folder, coalesce(object_dn, object_guid) AS object, computer, attribute
FROM events
WHERE seq >= $since
