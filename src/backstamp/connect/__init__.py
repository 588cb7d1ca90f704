"""Systems outside: where tables are read from, and the environment that links are written to."""
