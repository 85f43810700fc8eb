"""How are the rooms wired? Clock, client, limits, sources and journal, put together for a job.

It prints nothing and knows no command line.
"""
