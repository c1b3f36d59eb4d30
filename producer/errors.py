"""Everything a source or a sink can refuse, by what the caller can do about it.

`retryable` says whether the same request may succeed later; `retry_after` how many seconds to wait at least.
"""


class ProducerError(Exception):
    """Base of the producer's errors: what is wrong, where it comes from and, where possible, what helps."""

    retryable = False

    def __init__(self, message: str, *, source: str = "", hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.hint = hint
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = f"{self.source}: {self.message}" if self.source else self.message
        if self.retry_after is not None:
            text += f" (retry in {self.retry_after:.0f} s)"
        return f"{text}\nhint: {self.hint}" if self.hint else text


class RateLimited(ProducerError):
    """Too many requests for now."""

    retryable = True


class Transient(ProducerError):
    """A passing fault: a connection lost, a server in trouble."""

    retryable = True


class Blocked(ProducerError):
    """The provider turns this machine away for a longer while: a block page, a consent page, a refused client."""

    retryable = True


class NotEntitled(ProducerError):
    """The account, or the lack of one, does not cover the request."""


class NoKey(NotEntitled):
    """No key of the provider is set, so that it was not asked."""


class UnknownSymbol(ProducerError):
    """The provider does not know the symbol."""


class NoData(ProducerError):
    """The symbol exists, the range holds nothing."""


class Offline(ProducerError):
    """Network sources are switched off by the settings."""


class BadData(ProducerError):
    """An answer or a file that cannot be read as what it should be; `column` and `row` (1-based) say where."""

    def __init__(
        self, message: str, *, source: str = "", hint: str = "", column: str | None = None, row: int | None = None
    ) -> None:
        super().__init__(message, source=source, hint=hint)
        self.column = column
        self.row = row

    def __str__(self) -> str:
        place = [f"column {self.column}" if self.column else "", f"row {self.row}" if self.row is not None else ""]
        where = ", ".join(part for part in place if part)
        head = ": ".join(part for part in (self.source, where, self.message) if part)
        return f"{head}\nhint: {self.hint}" if self.hint else head
