"""The catalogue of what KQL can call, as data."""
