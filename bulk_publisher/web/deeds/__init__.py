"""What somebody may do here: each asks first, with the count, and is done once.

Pages and programs press the same: what is asked is a ``Question``, and what is done is what the commands do,
or an order for the daemon.
"""
