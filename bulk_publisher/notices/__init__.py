"""Who is told how a job has ended, of what, and by which way? A message that can't be sent ends nothing.

It knows what a run has left and whom a job names; it does not know who does the job, a command or a daemon.
"""
