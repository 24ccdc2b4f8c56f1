"""A repository in an OCI registry (distribution-spec 1.1)."""
