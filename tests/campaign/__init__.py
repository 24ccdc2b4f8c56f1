"""Long searches for what must never happen: in full by `make campaign`, a slice of each in `make test`."""
