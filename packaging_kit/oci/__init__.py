"""OCI documents as values: no I/O."""
