"""Tests of the operational store, on real SQLite files and real processes."""
