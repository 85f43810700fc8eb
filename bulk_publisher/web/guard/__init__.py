"""Who may? Hosts, proxies, tokens, sessions, forms, and what a browser is told to refuse."""
