"""Which addresses mean this machine only."""

import pytest

from emulator.loopback import is_loopback, is_loopback_url


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST.", "hub.localhost", "::1%lo"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", "127.0.0.1.example.com", "127.1"],  # noqa: S104 - not listened on
)
def test_elsewhere(host: str) -> None:
    assert not is_loopback(host)


def test_urls() -> None:
    urls = (
        "http://127.0.0.1:80/x",
        "https://[::1]/",
        "sb://localhost:5672",
        "http://example.com/127.0.0.1",
        "data",
        "//[",
    )
    assert [is_loopback_url(url) for url in urls] == [True, True, True, False, False, False]
