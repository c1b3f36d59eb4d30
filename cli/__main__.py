"""`python -m cli` is `tickhouse`."""

from cli.main import main

main()
