"""cloudjar: a whole AWS in a jar."""

__version__ = "0.1.0"
