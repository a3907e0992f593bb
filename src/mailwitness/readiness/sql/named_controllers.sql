-- question: through which domain controllers do records of other hosts say that changes went?
-- columns: controller, source, records
SELECT lower(through_server) AS controller, source, count(*) AS records
FROM events
WHERE through_server IS NOT NULL AND NOT recovered AND source NOT IN $services
GROUP BY lower(through_server), source
ORDER BY controller, source
