"""Engines: what they keep, what they publish, how they compute."""
