"""Benchmarks: what `packaging-kit` takes, beside known tools in the same run."""
