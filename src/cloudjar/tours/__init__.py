"""Guided tours: scenarios as runnable, narrated programs, with a check after each step."""
