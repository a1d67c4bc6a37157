"""How abnormal rows are: score, threshold and p-values, explanation. Plain functions."""
