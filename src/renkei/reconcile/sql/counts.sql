SELECT
    (SELECT count(*) FROM new_now) AS new_mismatches,
    (SELECT count(*) FROM gone_now) AS gone_mismatches,
    (SELECT count(*) FROM touched_now WHERE kind = 'opened') AS opened,
    (SELECT count(*) FROM touched_now WHERE kind = 'reopened')
        + (SELECT count(*) FROM back_now WHERE kind = 'reopened') AS reopened,
    (SELECT count(*) FROM back_now WHERE kind = 'due_again') AS due_again,
    (SELECT count(*) FROM touched_now WHERE kind = 'joined') AS joined,
    (SELECT count(*) FROM closing_now WHERE kind = 'closed') AS closed
