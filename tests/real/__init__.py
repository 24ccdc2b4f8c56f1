"""The parts of the tests that need real tools: which ones, where they are, and what they build."""
