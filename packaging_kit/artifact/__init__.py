"""Artifacts: where fragments meet OCI (docs/format.md, "OCI mapping")."""
