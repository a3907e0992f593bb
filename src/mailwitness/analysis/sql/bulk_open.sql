-- question: from when until when was any way open for a pair nobody refused anything?
-- columns: actor, mailbox, asked, since, until (disjoint)
WITH allowed AS (
  SELECT actor, mailbox, asked, since, until FROM bulk_candidates
  WHERE allows AND folder IS NULL
),
refused AS (SELECT DISTINCT actor, mailbox, asked FROM bulk_candidates WHERE NOT allows),
plain AS (SELECT * FROM allowed ANTI JOIN refused USING (actor, mailbox, asked)),
marked AS (
  SELECT *, CASE WHEN since <= max(until) OVER (
      PARTITION BY actor, mailbox, asked ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    THEN 0 ELSE 1 END AS begins
  FROM plain
),
islands AS (
  SELECT *, sum(begins) OVER (PARTITION BY actor, mailbox, asked ORDER BY since, until
                              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
  FROM marked
)
SELECT actor, mailbox, asked, min(since) AS since, max(until) AS until
FROM islands GROUP BY actor, mailbox, asked, island
