"""Which pages? Each source is an iterator of pages that streams.

It does not know how they will be published.
"""
