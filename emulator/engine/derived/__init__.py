"""What follows from new rows: update policies and materialized views."""
