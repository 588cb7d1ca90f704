"""One customer, one profile, linked from every row."""

__version__ = "0.1.0"
