"""Secrets Manager: secrets with versions, rotated by functions that really run."""
