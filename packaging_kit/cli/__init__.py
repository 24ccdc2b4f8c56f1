"""The command line: the only layer that sees the environment and the terminal."""
