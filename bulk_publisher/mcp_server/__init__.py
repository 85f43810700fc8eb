"""What may an assistant ask for, and what is it told? The Model Context Protocol, on standard input and output.

It calls the operations of all other doors. It does not know how a plan comes to be approved: no tool of
it can. What the portal has written reaches an assistant cut short, and apart from what we say.
"""
