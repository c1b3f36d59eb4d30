"""The REST API, generated from the registry: every route answers with one KQL function."""
