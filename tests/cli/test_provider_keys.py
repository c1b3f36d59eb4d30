"""Keys out of a key vault, with respx in the place of Azure's REST interface."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
import pytest
import respx
from azure.core.exceptions import ClientAuthenticationError

from cli.composition.provider_keys import provider_keys
from cli.errors import CliError
from producer.errors import BadData, NotEntitled, Transient
from producer.key_vault import scope_of, secret_name_of
from producer.secret import Secret
from producer.settings import ProviderKeys

VAULT = "https://contoso.vault.azure.net"
TOKEN, TIINGO, FINNHUB = "the-t0ken", "t11ngo-s3cret", "f1nnhub-s3cret"
NOT_FOUND = httpx.Response(404, json={"error": {"code": "SecretNotFound", "message": "A secret with … was not found"}})


@dataclass
class Issued:
    token: str


@dataclass
class Signer:
    """Signs in as a credential of azure-identity does."""

    fault: Exception | None = None
    scopes: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str) -> Issued:
        self.scopes += scopes
        if self.fault:
            raise self.fault
        return Issued(TOKEN)


@pytest.fixture
def vault() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def secrets(router: respx.MockRouter, values: Mapping[str, httpx.Response]) -> respx.Route:
    route = router.get(url__startswith=f"{VAULT}/secrets/")
    route.side_effect = lambda request: values.get(request.url.path.rpartition("/")[2], NOT_FOUND)
    return route


async def test_keys_that_the_environment_lacks_come_from_the_vault(
    vault: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    route = secrets(
        vault,
        {
            "tickhouse-tiingo-key": httpx.Response(200, json={"value": TIINGO, "id": f"{VAULT}/secrets/…"}),
            "tickhouse-finnhub-key": httpx.Response(200, json={"value": FINNHUB}),
        },
    )
    signer = Signer()
    keys = await provider_keys({"TICKHOUSE_KEY_VAULT": VAULT, "TICKHOUSE_FINNHUB_KEY": "of the environment"}, signer)
    assert keys == ProviderKeys(tiingo_key=Secret(TIINGO), finnhub_key=Secret("of the environment"))
    asked = {call.request.url.path for call in route.calls}
    assert "/secrets/tickhouse-alpaca-secret" in asked
    assert "/secrets/tickhouse-finnhub-key" not in asked, "the environment has it"
    assert {call.request.headers["Authorization"] for call in route.calls} == {f"Bearer {TOKEN}"}
    assert {call.request.url.params["api-version"] for call in route.calls} == {"7.4"}
    assert signer.scopes == ["https://vault.azure.net/.default"]
    for hidden in (TOKEN, TIINGO, FINNHUB):
        assert hidden not in caplog.text


async def test_a_secret_that_is_switched_off_is_no_key(vault: respx.MockRouter) -> None:
    body = {"error": {"code": "Forbidden", "message": "not allowed", "innererror": {"code": "SecretDisabled"}}}
    secrets(vault, {"tickhouse-tiingo-key": httpx.Response(403, json=body)})
    assert await provider_keys({"TICKHOUSE_KEY_VAULT": VAULT}, Signer()) == ProviderKeys()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (403, {"error": {"code": "Forbidden", "message": "Caller is not authorized"}}, NotEntitled, "Secrets User"),
        (401, {"error": {"code": "Unauthorized", "message": "AKV10032: Invalid issuer"}}, NotEntitled, "AKV10032"),
        (503, {"error": {"code": "ServiceUnavailable", "message": "later"}}, Transient, "HTTP 503"),
        (200, {"val": TIINGO}, BadData, "tickhouse-tiingo-key is no secret"),
        (200, [TIINGO], BadData, "tickhouse-tiingo-key is no secret"),
    ],
)
async def test_a_vault_that_refuses_is_an_error_that_shows_nothing(
    vault: respx.MockRouter,
    status: int,
    body: object,
    kind: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def at_once(_: object, __: float) -> None: ...

    monkeypatch.setattr("producer.clock.SystemClock.sleep", at_once)
    secrets(vault, {"tickhouse-tiingo-key": httpx.Response(status, json=body)})
    with pytest.raises(kind, match=said) as refused:
        await provider_keys({"TICKHOUSE_KEY_VAULT": VAULT}, Signer())
    assert refused.value.__cause__ is None
    for hidden in (TOKEN, TIINGO):
        assert hidden not in str(refused.value)


async def test_without_a_sign_in_the_error_says_who_could_not() -> None:
    signer = Signer(ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token\nAttempted: …"))
    with pytest.raises(CliError, match=r"contoso.*failed to retrieve a token$") as refused:
        await provider_keys({"TICKHOUSE_KEY_VAULT": VAULT}, signer)
    assert "az login" in refused.value.hint


async def test_offline_a_vault_is_refused_before_anyone_signs_in() -> None:
    signer = Signer()
    with pytest.raises(CliError, match="TICKHOUSE_OFFLINE is set: the key vault https://contoso"):
        await provider_keys({"TICKHOUSE_KEY_VAULT": VAULT, "TICKHOUSE_OFFLINE": "1"}, signer)
    assert signer.scopes == []


@pytest.mark.parametrize(
    "url",
    [
        "http://contoso.vault.azure.net",
        "https://vault.azure.net.example.com",
        "https://contoso.example.com",
        "https://vault.azure.net",
        "https://contoso.vault.azure.net/secrets",
        "contoso",
    ],
)
async def test_a_token_goes_to_vaults_of_azure_only(url: str) -> None:
    signer = Signer()
    with pytest.raises(BadData, match="is not a key vault"):
        await provider_keys({"TICKHOUSE_KEY_VAULT": url}, signer)
    assert signer.scopes == []


async def test_without_a_vault_nobody_signs_in() -> None:
    signer = Signer()
    assert await provider_keys({"TICKHOUSE_TIINGO_KEY": TIINGO}, signer) == ProviderKeys(tiingo_key=Secret(TIINGO))
    assert signer.scopes == []


def test_names_and_scopes_of_other_clouds() -> None:
    assert secret_name_of("alpha_vantage_key") == "tickhouse-alpha-vantage-key"
    assert scope_of("https://contoso.vault.azure.cn/") == "https://vault.azure.cn/.default"
