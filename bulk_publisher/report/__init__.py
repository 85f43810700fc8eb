"""What happened? It reads journals, and nothing else of a run."""
