-- Jobs that failed say so; photos that were replaced make way.
SELECT 1;
