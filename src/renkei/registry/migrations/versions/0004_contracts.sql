-- What each delivery looked like (取込の特徴): per column, by counts and shapes, never a person's value.
SELECT 1;
