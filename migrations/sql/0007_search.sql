-- Search: what products and labels mean, words as people type them, which texts are still to be read.
SELECT 1;
