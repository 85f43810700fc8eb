"""``python -m bulk_publisher``."""

from bulk_publisher.cli import main

main()
