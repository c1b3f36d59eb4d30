"""How the SDK's clients connect: with the machine's Azure identity, on loopback and plain HTTP without one."""

from urllib.parse import urlsplit

from azure.kusto.data import KustoConnectionStringBuilder

from emulator.loopback import is_loopback_url


def connection(url: str, *, is_async: bool) -> KustoConnectionStringBuilder:
    """Return the connection to a cluster URL; clients change it, so that each needs one of its own."""
    if urlsplit(url).scheme != "https" or is_loopback_url(url):
        return KustoConnectionStringBuilder(url)
    return KustoConnectionStringBuilder.with_azure_token_credential(url, _credential(is_async=is_async))


def _credential(*, is_async: bool) -> object:
    if is_async:
        from azure.identity.aio import DefaultAzureCredential as AsyncCredential

        return AsyncCredential()
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
