"""pytest fixtures: a forked world for each test."""
