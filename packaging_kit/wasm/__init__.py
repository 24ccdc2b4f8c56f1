"""The WebAssembly binary format, modules and components; knows nothing of OCI."""
