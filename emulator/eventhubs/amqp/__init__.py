"""AMQP 1.0 as a server of it needs: types, frames, sessions and connections. It knows nothing of hubs."""
