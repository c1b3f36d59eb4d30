"""What a source or a sink refuses: whether the same may succeed later, and how it is told."""

import pytest

from producer import errors
from producer.errors import ProducerError


def test_what_may_succeed_later() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ProducerError)]
    later = {each.__name__ for each in kinds if each.retryable}
    assert later == {"RateLimited", "Transient", "Blocked"}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ProducerError("no"), "no"),
        (ProducerError("no", source="s"), "s: no"),
        (ProducerError("no", source="s", hint="h", retry_after=2.6), "s: no (retry in 3 s)\nhint: h"),
        (ProducerError("no", retry_after=0.0), "no (retry in 0 s)"),
    ],
)
def test_the_text_of_an_error(error: ProducerError, text: str) -> None:
    assert str(error) == text
