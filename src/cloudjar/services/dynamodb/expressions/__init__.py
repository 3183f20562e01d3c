"""The expression languages: conditions, updates, projections. Pure functions over items."""
