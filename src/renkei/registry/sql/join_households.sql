INSERT INTO household (system, household_number)
SELECT DISTINCT :system, household_number
FROM incoming
WHERE household_number IS NOT NULL
ORDER BY 2
ON CONFLICT DO NOTHING
