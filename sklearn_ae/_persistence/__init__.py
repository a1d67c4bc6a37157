"""Save fitted estimators to files, and load them without executing code."""
