CREATE TEMP TABLE founded ON COMMIT DROP AS
SELECT founder, nextval(pg_get_serial_sequence('resident', 'resident_id')) AS resident_id
FROM (SELECT DISTINCT founder FROM founding ORDER BY founder) AS each
