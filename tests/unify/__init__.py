"""Unification on real engines, compared with the oracle."""
