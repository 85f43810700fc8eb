"""What is done when somebody says "publish"? The same for the command line, for Python and for a service.

It prints nothing, catches no signal and reads no environment.
"""
