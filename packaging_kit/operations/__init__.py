"""One function for each command: paths and values in, values out; nothing is printed here."""
