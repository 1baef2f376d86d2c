-- Stands for another piece's migration until the branches meet.
SELECT 1;
