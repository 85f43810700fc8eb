"""What does somebody see and press in a browser? The page, its guard, and what programs read of it.

It shows what a store keeps and a daemon plans, and asks the operations for all that is done: it decides
nothing about pages or limits. aiohttp and Jinja2 are loaded by ``serving``, ``app`` and what they import;
``place`` and ``guard/page_tokens`` go without, for who only wants to check an option or add a token.
"""
