"""What the `.show` commands answer with: entities, schemas, scripts and the state of the Eventhouse."""
