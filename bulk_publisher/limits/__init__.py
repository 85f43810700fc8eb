"""May I send, how many, and else when and why? All of it pure.

It knows seconds, sums and shares. It does not know HTTP, error codes, the names of pages or that a
portal is called Bitrix24.
"""
