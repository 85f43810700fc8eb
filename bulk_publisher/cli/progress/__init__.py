"""A run that goes on, as a screen, as lines, as JSON and as numbers for Prometheus."""
