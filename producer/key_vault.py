"""Keys of providers out of an Azure Key Vault, over its REST interface; who signs in is the caller's affair.

A key `tiingo_key` is the secret `tickhouse-tiingo-key`: names there have no underscores. Nothing here shows a secret or
the token.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from producer.clock import Clock
from producer.errors import BadData, NoData, NotEntitled, ProducerError
from producer.secret import Secret
from producer.settings import NetworkSettings, ProviderKeys, variable_of
from producer.sources.facts import json_object, mapping, text_of
from producer.sources.http import Endpoint, HttpApi, Pace, refusal_by_status

SOURCE = "key vault"
API_VERSION = "7.4"
ROLE = "Key Vault Secrets User"

# A token is worth something to whoever gets it: it goes to the vaults of Azure's clouds only.
_CLOUDS = ("vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net")


def scope_of(url: str) -> str:
    """Return the scope of the token that a vault takes; an address that is no vault's is `BadData`."""
    parts = urlsplit(url)
    _, _, cloud = (parts.hostname or "").partition(".")
    if parts.scheme != "https" or cloud not in _CLOUDS or parts.path.strip("/") or parts.query or parts.username:
        raise BadData(f"'{url}' is not a key vault", hint="write it as https://<name>.vault.azure.net")
    return f"https://{cloud}/.default"


def secret_name_of(key: str) -> str:
    """Return the name that a key has in a vault."""
    return variable_of(key).lower().replace("_", "-")


def classify(status: int, text: str, wait: float | None = None) -> ProducerError | None:
    """Return the error that an answer is, or None where it is a secret."""
    body = json_object(text) or {}
    error = body.get("error")
    stated = error if isinstance(error, dict) else {}
    inner = stated.get("innererror")
    if status == 404 or (isinstance(inner, dict) and inner.get("code") == "SecretDisabled"):
        return NoData("no such secret", source=SOURCE)
    message = str(stated.get("message", text))
    if status in (401, 403):
        hint = f"give the identity that runs this the role '{ROLE}' of the vault, and see its firewall"
        return NotEntitled(f"HTTP {status}: {message[:200]}", source=SOURCE, hint=hint)
    return refusal_by_status(SOURCE, status, message, wait)


async def read_keys(
    url: str, token: Secret, keys: Sequence[str], clock: Clock, network: NetworkSettings
) -> ProviderKeys:
    """Return those of the keys that the vault has; a vault that refuses is a `ProducerError`."""
    scope_of(url)
    endpoint = Endpoint(SOURCE, url, secret_headers={"Authorization": Secret(f"Bearer {token.value}")})
    api = HttpApi(endpoint, classify, clock, network, Pace(cool_down_seconds=1.0))
    try:
        values = await asyncio.gather(*(_read(api, key) for key in keys))
    finally:
        await api.close()
    return ProviderKeys.from_variables({variable_of(key): value for key, value in zip(keys, values, strict=True)})


async def _read(api: HttpApi, key: str) -> str:
    try:
        text = await api.get(f"/secrets/{secret_name_of(key)}", {"api-version": API_VERSION})
    except NoData:
        return ""
    try:
        return text_of(mapping(json_object(text)), "value")
    except (LookupError, TypeError):
        # The cause would carry the answer, and with it the secret.
        raise BadData(f"the answer for {secret_name_of(key)} is no secret", source=SOURCE) from None
