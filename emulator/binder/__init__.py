"""AST and a database's catalogue to a typed plan: every name resolved, every expression typed."""
