"""What did the portal say? One Bitrix24 portal over HTTP: bytes, answers, faults, credentials.

It does not know how often to ask, what a run is, or where answers are kept.
"""
