"""What happened? Told from what a store keeps of a run, or from a run that has just ended."""
