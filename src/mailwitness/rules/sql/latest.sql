-- question: when did the latest event of the trail happen?
-- columns: latest_at
-- A clock that is wrong can put an event far ahead; what stands after the time of asking is left out.
SELECT max(occurred_at) AS latest_at FROM events WHERE seq < $until_seq AND occurred_at <= now()
