"""How much of the rules the table of bad documents holds: every rule is taken away, and every condition in it changed.

`python -m tests.mutations` does it for all of them and prints the score; tests/mutations/test_mutations.py for a few.
"""
