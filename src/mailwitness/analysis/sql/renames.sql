-- question: which things were renamed, moved or given another address, from what to what?
-- columns: occurred_at, sid, guid, account, attribute, before, after
SELECT occurred_at, trustee_sid AS sid, object_guid AS guid, trustee_name AS account, attribute, before, after
FROM events
WHERE kind = 'account' AND outcome <> 'failure'
  AND (action = 'renamed'
       OR lower(attribute) IN ('distinguishedname', 'samaccountname', 'userprincipalname', 'displayname', 'mail',
                               'proxyaddresses', 'legacyexchangedn', 'mailnickname', 'msexchmailboxguid'))
ORDER BY occurred_at, computer, record_id, seq
