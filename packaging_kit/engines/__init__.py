"""Engines: programs and libraries that say whether a binary is valid, deeper than its framing."""
