"""The parameters that several commands share: what is asked for, and of which run."""
