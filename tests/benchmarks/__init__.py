"""The benchmarks whose figures documents tell."""
