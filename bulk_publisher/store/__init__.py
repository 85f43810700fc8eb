"""What is kept, and is it safe? Runs, their journals and notes, what limits were learned, and who has the turn.

It knows no portal and no retry; nothing but a store knows a file's name.
"""
