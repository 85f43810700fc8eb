"""Publishes Bitrix24 pages in bulk: every page accounted for, at the portal's limits."""

__version__ = "0.1.0"
