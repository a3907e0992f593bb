-- question: which accesses were there, each once, whatever number of records tells of it?
-- columns: the event's fields that tell an access, noise, and witnesses (every record of the access)
-- The information store writes several records of one logon (1016 beside 1013): those of one server, actor and mailbox
-- within two seconds of each other and of different kinds are one access. A command that exports or searches stands in
-- the cmdlet log and in the administrator audit log: within thirty seconds these are one. The strongest record tells it.
-- Two records of one kind are two accesses: the first of each kind belong together, then the second ones. What was
-- refused and what succeeded are never one. Records of half a minute before the asked time are read to be merged.
WITH told AS (
  SELECT event_id, log_id, seq, occurred_at, occurred_until_at, time_quality, kind, action, outcome, rights, scope,
         folder, database, items, actor_sid, actor_name, actor_kind, mailbox_ref, mailbox_ref_form, trustee_sid,
         trustee_name, client_ip, client_host, client_app, app_id, session_id, logon_id, through_server, strength,
         logon_type, source, computer, channel, provider, event_code, record_id, evidence_sha256, recovered, noise
  FROM events
  WHERE kind = 'access'
    AND coalesce(scope, 'mailbox') IN ('mailbox', 'folder', 'database')
    AND occurred_at >= $since - INTERVAL 30 SECOND              -- when since
    AND occurred_at < $until + INTERVAL 30 SECOND               -- when until
    AND event_id IN (SELECT event_id FROM asked_events)         -- when by_id
    AND mailbox_ref IN $references                              -- when references
    AND (actor_name IN $actors OR actor_sid IN $actors)  -- when actors
),
twice AS (
  SELECT told.*, coalesce(k.key, told.mailbox_ref, '') AS whose,
    CASE WHEN told.source = 'exchange_store' THEN coalesce(told.computer, '') ELSE told.action END AS place_of,
    CASE WHEN told.source = 'exchange_store' THEN told.event_code ELSE told.source END AS teller,
    CASE WHEN told.source = 'exchange_store' THEN INTERVAL 2 SECOND ELSE INTERVAL 30 SECOND END AS within
  FROM told LEFT JOIN mailbox_keys AS k ON k.reference = told.mailbox_ref
  WHERE told.source IN ('exchange_store', 'exchange_cmdlets', 'admin_audit')
),
near AS (
  SELECT *, CASE
      WHEN occurred_at - lag(occurred_at) OVER (PARTITION BY place_of, actor_name, whose ORDER BY occurred_at, record_id)
           <= within
      THEN 0 ELSE 1 END AS begins
  FROM twice
),
stays AS (
  SELECT *, sum(begins) OVER (
      PARTITION BY place_of, actor_name, whose ORDER BY occurred_at, record_id, event_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stay
  FROM near
),
sided AS (
  SELECT *, outcome = 'failure' AND bool_or(outcome = 'success') OVER (
      PARTITION BY place_of, actor_name, whose, stay) AS refused
  FROM stays
),
counted AS (
  SELECT *, row_number() OVER (
      PARTITION BY place_of, actor_name, whose, stay, refused, teller ORDER BY occurred_at, record_id, event_id) AS turn
  FROM sided
),
steps AS (
  SELECT *, CASE
      WHEN occurred_at - lag(occurred_at) OVER (
             PARTITION BY place_of, actor_name, whose, stay, refused, turn ORDER BY occurred_at, record_id, event_id)
           <= within
      THEN 0 ELSE 1 END AS apart
  FROM counted
),
visits AS (
  SELECT *, sum(apart) OVER (
      PARTITION BY place_of, actor_name, whose, stay, refused, turn ORDER BY occurred_at, record_id, event_id
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS visit
  FROM steps
),
ranked AS (
  SELECT *,
    array_sort(array_agg(event_id) OVER one) AS witnesses,
    row_number() OVER (
      PARTITION BY place_of, actor_name, whose, stay, refused, turn, visit
      ORDER BY CASE strength WHEN 'acted' THEN 4 WHEN 'read' THEN 3 WHEN 'opened' THEN 2 ELSE 1 END DESC,
               CASE outcome WHEN 'unknown' THEN 1 ELSE 0 END,
               CASE source WHEN 'exchange_cmdlets' THEN 0 ELSE 1 END, occurred_at, record_id, event_id) AS place
  FROM visits
  WINDOW one AS (PARTITION BY place_of, actor_name, whose, stay, refused, turn, visit)
),
merged AS (
  SELECT event_id, log_id, seq, occurred_at, occurred_until_at, time_quality, kind, action, outcome, rights, scope,
         folder, database, items, actor_sid, actor_name, actor_kind, mailbox_ref, mailbox_ref_form, trustee_sid,
         trustee_name, client_ip, client_host, client_app, app_id, session_id, logon_id, through_server, strength,
         logon_type, source, computer, channel, provider, event_code, record_id, evidence_sha256, recovered, noise,
         witnesses
  FROM ranked WHERE place = 1
  UNION ALL
  SELECT *, [event_id] AS witnesses FROM told
  WHERE source NOT IN ('exchange_store', 'exchange_cmdlets', 'admin_audit')
),
asked AS (
  SELECT * FROM merged
  WHERE true
    AND occurred_at >= $since                                   -- when since
    AND occurred_at < $until                                    -- when until
    AND outcome = $outcome                                      -- when outcome
    AND array_contains(array_transform(rights, lambda r: lower(r)), lower($right))  -- when right
    AND (coalesce(logon_type, '') <> 'owner' OR actor_kind IN ('application', 'service', 'system'))  -- when non_owner
    AND NOT EXISTS (                                            -- when non_owner
      SELECT 1 FROM own_mailboxes AS o                          -- when non_owner
      WHERE merged.logon_type IS NULL                           -- when non_owner
        AND o.actor_name = merged.actor_name AND o.mailbox_ref = merged.mailbox_ref  -- when non_owner
    )                                                           -- when non_owner
)
