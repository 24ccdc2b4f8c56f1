"""Content at rest: folders of blobs, OCI layouts, memory."""
