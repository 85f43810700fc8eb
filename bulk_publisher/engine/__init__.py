"""What next for this page? A core that decides, and a shell that carries it out.

It is handed an iterator of pages and knows no source, no command line and no job file.
"""
