"""What is settled for good? The journal of a run: written, read back, and locked.

It does not know portals, limits or retries.
"""
