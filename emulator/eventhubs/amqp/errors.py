"""What one peer refuses the other, by AMQP's names for it."""


class AmqpError(Exception):
    """A refusal that the peer is told; `condition` is its AMQP name (OASIS amqp-core-transport, 2.8.15)."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition
        self.description = description
