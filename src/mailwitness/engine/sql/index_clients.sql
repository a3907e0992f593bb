-- question: from where did these actors come, by accesses and logons, how often, and when first and last?
-- columns: client_host, client_ip, kind, records, first_at, last_at
SELECT h.text, i.text, g.kind, g.records, g.first_at, g.last_at
FROM (
  SELECT client_host, client_ip, kind, sum(records)::BIGINT AS records, min(first_at) AS first_at,
         max(last_at) AS last_at
  FROM sums
  WHERE (actor_name IN $actors OR actor_sid IN $actors) AND (client_host IS NOT NULL OR client_ip IS NOT NULL)
  GROUP BY client_host, client_ip, kind
  ORDER BY records DESC
  LIMIT $at_most
) AS g
LEFT JOIN names AS h ON h.name_id = g.client_host
LEFT JOIN names AS i ON i.name_id = g.client_ip
ORDER BY g.records DESC, 1, 2
