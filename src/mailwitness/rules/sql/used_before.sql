-- question: which of these rights were used before, whatever the stretch that is looked at?
-- columns: number
SELECT DISTINCT c.number
FROM rule_first_uses AS c
JOIN events AS e
  ON lower(e.actor_name) = lower(c.actor_name) AND lower(e.mailbox_ref) = lower(c.mailbox_ref)
 AND e.occurred_at < c.used_at AND e.occurred_at >= c.began_at
WHERE e.kind = 'access' AND e.outcome <> 'failure'
