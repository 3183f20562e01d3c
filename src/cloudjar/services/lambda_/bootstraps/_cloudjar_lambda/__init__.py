"""The Python runtime's own parts, under a name that no function has."""
