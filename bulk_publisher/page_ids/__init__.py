"""Sets and ranges of page IDs, and the texts that stand for them. Pure."""
