"""The store for many hosts: one database of PostgreSQL. Needs the extra ``cluster``.

Rules:
    Nothing here trusts a clock but this machine's ``CLOCK_BOOTTIME``. Whoever holds a run writes by
    statements that do nothing once somebody else has it (`fence.py`), and knows by himself when he may
    have lost it (`leases.py`).
"""
