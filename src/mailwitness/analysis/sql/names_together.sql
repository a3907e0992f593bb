-- question: which names do records give one thing together, and from when until when?
-- columns: sid, name, guid, dn, app_id, kind, first_at, last_at
SELECT sid, name, guid, dn, app_id, kind, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM (
  SELECT actor_sid AS sid, actor_name AS name, CAST(NULL AS VARCHAR) AS guid, CAST(NULL AS VARCHAR) AS dn, app_id,
         CASE WHEN actor_kind IN ('user', 'computer') THEN actor_kind END AS kind, occurred_at
  FROM events WHERE actor_name IS NOT NULL AND actor_sid IS NOT NULL AND actor_kind <> 'application'
  UNION ALL
  SELECT trustee_sid, trustee_name, NULL, NULL, NULL, NULL, occurred_at
  FROM events WHERE trustee_name IS NOT NULL AND trustee_sid IS NOT NULL
  UNION ALL
  SELECT group_sid, group_name, NULL, NULL, NULL, 'group', occurred_at
  FROM events WHERE group_name IS NOT NULL AND group_sid IS NOT NULL
  UNION ALL
  SELECT NULL, NULL, object_guid, object_dn, NULL,
         CASE WHEN object_class IN ('user', 'group', 'computer') THEN object_class END, occurred_at
  FROM events WHERE object_guid IS NOT NULL AND object_dn IS NOT NULL AND attribute IS DISTINCT FROM 'distinguishedName'
  UNION ALL
  SELECT NULL, trustee_name, NULL, NULL, app_id, 'user', occurred_at
  FROM events WHERE kind = 'role' AND app_id IS NOT NULL AND trustee_name IS NOT NULL
) AS pairs
GROUP BY sid, name, guid, dn, app_id, kind
ORDER BY first_at, sid, name, guid, dn, app_id
