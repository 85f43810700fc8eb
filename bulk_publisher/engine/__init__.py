"""What next for this page? The only room where decisions meet I/O.

It is handed an iterator of pages and knows no source, no command line and no job file.
"""
