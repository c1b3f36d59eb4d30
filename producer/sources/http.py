"""Asking a provider over HTTP: spaced, within its quotas, kept away after a refusal, and without showing a key.

Every answer is classified by its body before its status is believed.
"""

import email.utils
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from random import Random
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from producer.clock import Clock
from producer.errors import BadData, Blocked, NotEntitled, ProducerError, RateLimited, Transient, UnknownSymbol
from producer.rate_limit import CoolDown, Quota, QuotaKeeper, RateLimiter
from producer.retry import RetryPolicy, with_retries
from producer.secret import Secret, redact
from producer.settings import NetworkSettings

Classify = Callable[[int, str, float | None], ProducerError | None]

_SHOWN_CHARACTERS = 120
_BLOCKED_HINT = "open the address in a browser of this machine to see why, or ask another provider"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a provider may be asked, and for how long it is left alone after a refusal."""

    spacing_seconds: float = 0.0
    quotas: tuple[Quota, ...] = ()
    cool_down_seconds: float = 60.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=3, base_seconds=1.0, patience_seconds=30.0))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider answers, and how it is told who asks; secrets are added as a request leaves."""

    source: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, Secret] = field(default_factory=dict)
    secret_parameters: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything that must not be shown."""
        return (*self.secret_headers.values(), *self.secret_parameters.values())


class HttpApi:
    """One provider's endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        classify: Classify,
        clock: Clock,
        network: NetworkSettings,
        pace: Pace,
        random: Random | None = None,
    ) -> None:
        network.require_network(endpoint.source, endpoint.base_url)
        self._endpoint = endpoint
        self._classify = classify
        self._clock = clock
        self._pace = pace
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._limiter = RateLimiter(pace.spacing_seconds, clock)
        self._quota = QuotaKeeper(endpoint.source, pace.quotas, clock)
        self._cool_down = CoolDown(endpoint.source, pace.cool_down_seconds, clock)
        self._client = httpx.AsyncClient(
            base_url=endpoint.base_url,
            headers={"Accept": "application/json", **endpoint.headers},
            timeout=network.timeout_seconds,
            transport=_Signing(endpoint),
            # A proxy of the environment would be mounted beside the transport, past the signing.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> str:
        """Return the text of an answer that is no error, or raise the `ProducerError` that it is."""
        return await with_retries(
            lambda: self._request(path, parameters or {}), self._pace.retry, self._clock, self._random
        )

    async def _request(self, path: str, parameters: Mapping[str, str]) -> str:
        self._cool_down.check()
        self._quota.take()
        await self._limiter.acquire()
        source = self._endpoint.source
        try:
            response = await self._client.get(path, params=dict(parameters))
        except httpx.TransportError as error:
            message = redact(f"{type(error).__name__}: {error}", *self._endpoint.secrets)
            # The cause would carry the request, and with it the keys.
            raise Transient(message, source=source) from None
        text = redact(response.text, *self._endpoint.secrets)
        wait = retry_after(response.headers.get("Retry-After", ""), self._clock.now())
        if refusal := self._classify(response.status_code, text, wait):
            raise self._cool_down.trip(refusal)
        return text


class _Signing(httpx.AsyncHTTPTransport):
    """Adds the secrets below the place where requests are logged."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(verify=_trusted(), proxy=_proxy_of(endpoint.base_url))
        self._endpoint = endpoint

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        parameters = {name: secret.value for name, secret in self._endpoint.secret_parameters.items()}
        headers = {name: secret.value for name, secret in self._endpoint.secret_headers.items()}
        signed = httpx.Request(
            request.method,
            request.url.copy_merge_params(parameters) if parameters else request.url,
            headers=httpx.Headers([*request.headers.raw, *httpx.Headers(headers).raw]),
            stream=request.stream,
            extensions=request.extensions,
        )
        return await super().handle_async_request(signed)


@cache
def _trusted() -> ssl.SSLContext:
    # Reading the authorities takes 20 to 50 ms of CPU, and a process asks up to eight providers.
    return httpx.create_ssl_context()


def _proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, as other programs read it."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a header `Retry-After` asks for, as a number or a date (RFC 9110, 10.2.3)."""
    value = value.strip()
    if value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())


def refusal_by_status(source: str, status: int, text: str, wait: float | None) -> ProducerError | None:
    """Return the error that a status stands for, or None where it is a success; for what a body does not tell better.

    A page is no data under any status, nor is being sent to another address, where a consent is asked for.
    """
    shown = " ".join(text.split())[:_SHOWN_CHARACTERS]
    message = f"HTTP {status}: {shown}"
    if 300 <= status < 400:
        return Blocked(f"sent elsewhere instead of data (HTTP {status})", source=source, hint=_BLOCKED_HINT)
    if status == 429:
        return RateLimited(message, source=source, retry_after=wait)
    if status >= 500:
        return Transient(message, source=source, retry_after=wait)
    if is_page(text):
        return Blocked(f"a page instead of data (HTTP {status})", source=source, hint=_BLOCKED_HINT)
    if status < 400:
        return None
    if status in (401, 402, 403):
        return NotEntitled(message, source=source, hint=f"check the key of {source} and what its plan covers")
    if status == 404:
        return UnknownSymbol(message, source=source)
    return BadData(message, source=source)


def is_page(text: str) -> bool:
    """Whether an answer is a page for a browser: a block, a consent or a captcha."""
    start = text.lstrip()[:200].lower()
    return start.startswith("<!doctype html") or "<html" in start
