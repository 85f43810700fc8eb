"""The store that needs no service: a folder for each run, and a folder of state for each credential."""
