-- question: how many accesses are there, and how many of them are noise?
-- columns: found, noisy
-- include accesses_merged
SELECT count(*) AS found, count(noise) AS noisy FROM asked
