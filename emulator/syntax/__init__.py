"""KQL text to AST; knows no function and no table."""
