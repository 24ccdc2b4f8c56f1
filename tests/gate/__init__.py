"""Tests of the example of a gate in a registry's upload path: docs/examples/upload_gate.py."""
