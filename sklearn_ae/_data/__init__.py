"""Rows and batches, units, principal components, quantiles, random state."""
