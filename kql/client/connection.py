"""How the SDK's clients connect: with the machine's Azure identity, on loopback and plain HTTP without one."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from azure.kusto.data import KustoConnectionStringBuilder


def connection(url: str, *, is_async: bool) -> KustoConnectionStringBuilder:
    """Return the connection to a cluster URL; clients change it, so that each needs one of its own."""
    if urlsplit(url).scheme != "https" or _is_loopback(urlsplit(url).hostname or ""):
        return KustoConnectionStringBuilder(url)
    return KustoConnectionStringBuilder.with_azure_token_credential(url, _credential(is_async=is_async))


def _credential(*, is_async: bool) -> object:
    if is_async:
        from azure.identity.aio import DefaultAzureCredential as AsyncCredential

        return AsyncCredential()
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
