"""Keys of providers as commands use them: from the environment, and from a key vault what it lacks."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from cli.errors import CliError
from cli.settings.network import is_offline
from producer.clock import SystemClock
from producer.key_vault import read_keys, scope_of
from producer.secret import Secret
from producer.settings import NetworkSettings, ProviderKeys

VAULT_VARIABLE = "TICKHOUSE_KEY_VAULT"


class Token(Protocol):
    """What a sign-in gives."""

    @property
    def token(self) -> str:
        """The bearer token."""
        ...


class Credential(Protocol):
    """Whoever signs in, such as a credential of azure-identity."""

    def get_token(self, *scopes: str) -> Token:
        """Return a token for a service."""
        ...


async def provider_keys(
    environment: Mapping[str, str] = os.environ, credential: Credential | None = None
) -> ProviderKeys:
    """Return the keys of the environment, then those of the vault that `TICKHOUSE_KEY_VAULT` names."""
    keys = ProviderKeys.from_variables(environment)
    vault = environment.get(VAULT_VARIABLE, "").strip()
    missing = keys.missing
    if not vault or not missing:
        return keys
    scope = scope_of(vault)
    if is_offline(environment):
        raise CliError(
            f"TICKHOUSE_OFFLINE is set: the key vault {vault} is not on this machine",
            hint=f"unset one of the two, or set the keys and unset {VAULT_VARIABLE}",
        )
    token = await asyncio.to_thread(_sign_in, vault, scope, credential)
    found = await read_keys(vault, token, missing, SystemClock(), NetworkSettings())
    return replace(keys, **{name: getattr(found, name) for name in missing})


def _sign_in(vault: str, scope: str, credential: Credential | None) -> Secret:
    # Slow to load, and most runs have no vault.
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    try:
        if credential is not None:
            return Secret(credential.get_token(scope).token)
        with DefaultAzureCredential() as own:
            return Secret(own.get_token(scope).token)
    except ClientAuthenticationError as error:
        reason = str(error.message).strip().splitlines()[0]
        raise CliError(
            f"no sign-in for the key vault {vault}: {reason}", hint="`az login`, or a managed identity"
        ) from None
