"""Which host names and which pages a server lets in."""

import pytest
from starlette.datastructures import Headers

from emulator.listening.pages import Pages


def refused(*, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = (), has_key: bool = False, **sent: str) -> str:
    pages = Pages(hosts=hosts, origins=origins, has_key=has_key, methods="GET", headers="", exposed="")
    refusal = pages.refusal(Headers(sent))
    return refusal.text if refusal else ""


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "localhost.", "a.localhost", "[::1]", "[::1]:8000",
     "10.1.2.3:80", "[2001:db8::1]:80", "tickhouse", "tickhouse:8000", ""],
)  # fmt: skip
def test_this_machine_is_asked_by_its_own_names(host: str) -> None:
    assert refused(host=host) == ""


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "EVIL.example.", "localhost.evil.example", "127.0.0.1.evil.example",
     "evil.localhost.example", "evil@localhost.example", "xn--e1afmkfd.example", "\u00b2.\u00b2"],
)  # fmt: skip
def test_a_name_that_someone_else_may_point_here_is_refused(host: str) -> None:
    assert refused(host=host) == f"The host name '{host}' is not this machine's own"


def test_names_are_allowed_by_setting_or_with_a_key() -> None:
    assert refused(host="prices.example:443", hosts=("Prices.Example",)) == ""
    assert refused(host="other.example", hosts=("prices.example",)) != ""
    assert refused(host="other.example", has_key=True) == ""
    # Where names are set they hold for those with a key too.
    assert refused(host="other.example", hosts=("prices.example",), has_key=True) != ""


@pytest.mark.parametrize("host", ["127.0.0.1:1@evil", "localhost/", "[::1]evil", "evil%40localhost", ".", "a b"])
def test_what_is_no_host_is_no_name_of_this_machine(host: str) -> None:
    assert refused(host=host) == f"The host name '{host}' is not this machine's own"
    assert refused(host=host, hosts=("localhost",), has_key=True) == f"The host name '{host}' is not this machine's own"
    assert refused(host=host, has_key=True) == f"'{host}' is no host name"


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example\\@localhost", "http://evil.example@localhost", "http://localhost:80@evil.example",
     "http://localhost/evil", "localhost", "//localhost", "http://127.0.0.1:1@evil"],
)  # fmt: skip
def test_what_is_no_origin_is_not_let_in(origin: str) -> None:
    assert refused(host="localhost", origin=origin) == f"Pages of the origin '{origin}' may not use this server"


def test_two_hosts_are_one_too_many() -> None:
    pages = Pages(methods="", headers="", exposed="")
    sent = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    refusal = pages.refusal(sent)
    assert refusal is not None
    assert refusal.text == "The request names several hosts"


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8000", "http://10.1.2.3:80"]
)
def test_pages_of_this_machine_and_of_the_server_itself_are_let_in(origin: str) -> None:
    assert refused(host="10.1.2.3:80", origin=origin) == ""


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[oops", ""]
)
@pytest.mark.parametrize("has_key", [False, True])
def test_pages_from_elsewhere_are_refused(origin: str, has_key: bool) -> None:
    assert refused(host="localhost", origin=origin, has_key=has_key) == (
        f"Pages of the origin '{origin}' may not use this server"
    )


def test_origins_are_allowed_by_setting() -> None:
    assert refused(host="localhost", origin="https://Dash.example", origins=("https://dash.example/",)) == ""


def test_a_page_under_a_foreign_name_of_the_server_stays_outside() -> None:
    assert refused(host="evil.example", origin="http://evil.example") == (
        "The host name 'evil.example' is not this machine's own"
    )
