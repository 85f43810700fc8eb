"""When, and on which host? Jobs that a daemon does by itself: on time, or because somebody has submitted them.

It decides when a job is done and calls the same operations as every other door. It prints nothing and
reads no environment: who starts it hands it jobs, a store, a way in and somebody to tell.
"""
