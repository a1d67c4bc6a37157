"""Searches that train their candidates together."""
