"""What does somebody see who watches? Plain data, for pages and for programs alike.

Rules:
    All of it is made from what a store keeps: neither from the names of files nor from a daemon's memory.
    So it is the same on every store, and beside a daemon of another process or none.
    A text of others is ``printable`` here, and of bounded length: whoever shows it has only to quote it.
    Moments are UTC seconds, durations seconds, shares 0 to 1, unless said otherwise.
"""
