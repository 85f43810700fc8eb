"""One file a command: its options, and what is said of it."""
