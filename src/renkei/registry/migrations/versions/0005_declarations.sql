-- The text that is in force (適用中の定義): proposed by one person, approved by another.
SELECT 1;
