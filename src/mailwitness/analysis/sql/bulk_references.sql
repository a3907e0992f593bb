-- question: who is named in accesses by another than the owner, as actor and as mailbox?
-- columns: role (actor | mailbox), reference, form
SELECT DISTINCT 'mailbox' AS role, mailbox_ref AS reference, mailbox_ref_form AS form
FROM events WHERE kind = 'access' AND mailbox_ref IS NOT NULL
UNION
SELECT DISTINCT 'actor' AS role, CASE WHEN actor_kind = 'application' THEN coalesce(app_id, actor_sid, actor_name)
       ELSE coalesce(actor_sid, actor_name) END AS reference,
       CASE WHEN actor_kind = 'application' AND app_id IS NOT NULL THEN 'app_id' END AS form
FROM events WHERE kind = 'access' AND coalesce(app_id, actor_sid, actor_name) IS NOT NULL
ORDER BY role, reference
