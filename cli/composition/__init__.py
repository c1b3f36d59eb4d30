"""What commands are put together from: Eventhouses, sources, ways between them, servers."""
