"""From parameters and rows to a fitted network: plan, build, fit, record."""
