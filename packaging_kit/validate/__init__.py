"""Validation: rules as data over parsed values, and the reports that they come to (docs/rules.md)."""
