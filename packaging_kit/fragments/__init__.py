"""The canonical split, format v0: explode, skeletons, reassemble (docs/format.md)."""
