"""What a run leaves to chance begins with a seed, which stands in its description."""

import random


def new_seed() -> int:
    """A seed that nobody can foresee, of 32 bits."""
    return random.SystemRandom().randrange(2**32)
