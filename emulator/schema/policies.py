"""Policies as JSON documents: what a command says of one, and what a document means.

A document is compared by what it means: left-out properties have the service's defaults, and names, order and white
space of its JSON do not count.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from emulator.errors import UNSUPPORTED, KustoError, UnsupportedFault
from emulator.schema.update_policy import POLICY as UPDATE
from emulator.schema.update_policy import UpdatePolicy, read_update_policy, write_update_policy
from emulator.schema.user_json import read_user_json
from emulator.syntax.commands import AlterPolicy, PolicyJson, PolicyOrder, PolicySetting, PolicySettings, PolicySwitch
from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.syntax.literals import typed_literal
from emulator.text_forms import timespan_text
from emulator.types import Scalar

# The names of policies in commands, and in answers.
NAMES: Mapping[str, str] = {
    "auto_delete": "AutoDeletePolicy",
    "caching": "CachingPolicy",
    "capacity": "CapacityPolicy",
    "encoding": "EncodingPolicy",
    "extent_tags_retention": "ExtentTagsRetentionPolicy",
    "ingestionbatching": "IngestionBatchingPolicy",
    "ingestiontime": "IngestionTimePolicy",
    "managed_identity": "ManagedIdentityPolicy",
    "merge": "MergePolicy",
    "mirroring": "MirroringPolicy",
    "partitioning": "PartitioningPolicy",
    "query_acceleration": "QueryAccelerationPolicy",
    "query_weak_consistency": "QueryWeakConsistencyPolicy",
    "restricted_view_access": "RestrictedViewAccessPolicy",
    "retention": "RetentionPolicy",
    "row_level_security": "RowLevelSecurityPolicy",
    "roworder": "RowOrderPolicy",
    "sharding": "ShardingPolicy",
    "streamingingestion": "StreamingIngestionPolicy",
    "update": "UpdatePolicy",
}
# Policies that would restrict who sees what: to keep one without enforcing it would be a lie.
_ENFORCED_NOWHERE = frozenset({"restricted_view_access", "row_level_security"})
_SETTING_NAMES = {
    "softdelete": "SoftDeletePeriod",
    "recoverability": "Recoverability",
    "hintallocatedrate": "HintAllocatedRate",
}


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long rows are kept, in ticks of 100 ns (None: for ever), and whether dropped ones can be brought back."""

    soft_delete_period: int | None = None
    is_recoverable: bool = True


@dataclass(frozen=True, slots=True)
class IngestionBatchingPolicy:
    """When a batch is sealed: after so many ticks of 100 ns, items or megabytes; None leaves it to the service."""

    time: int | None = None
    items: int | None = None
    megabytes: int | None = None


@dataclass(frozen=True, slots=True)
class StreamingIngestionPolicy:
    """Whether rows may be streamed in, and how many GB an hour are expected, if someone said so."""

    is_enabled: bool = False
    hint_allocated_rate: float | None = None


@dataclass(frozen=True, slots=True)
class OtherPolicy:
    """A policy that is compared by its document alone: its JSON with sorted names."""

    document: str


Policy: TypeAlias = (
    RetentionPolicy | IngestionBatchingPolicy | StreamingIngestionPolicy | OtherPolicy | tuple[UpdatePolicy, ...]
)


def read_policy(kind: str, text: str) -> Policy | None:
    """Read the JSON of a policy; JSON `null` is none. Raises KustoError for what is no policy of the kind."""
    try:
        document = read_user_json(text)
    except ValueError as error:
        raise _invalid(f"The policy is not JSON: {error}") from error
    if document is None:
        return None
    match kind:
        case "update":
            return read_update_policy(text)
        case "retention":
            fields = _fields(kind, document)
            recoverability = str(fields.get("recoverability") or "Enabled").lower()
            return RetentionPolicy(_ticks(fields.get("softdeleteperiod")), recoverability in ("enabled", "0"))
        case "ingestionbatching":
            fields = _fields(kind, document)
            return IngestionBatchingPolicy(
                _ticks(fields.get("maximumbatchingtimespan")),
                _count(fields.get("maximumnumberofitems")),
                _count(fields.get("maximumrawdatasizemb")),
            )
        case "streamingingestion":
            fields = _fields(kind, document)
            rate = fields.get("hintallocatedrate")
            is_enabled = str(fields.get("isenabled", False)).lower() == "true"
            return StreamingIngestionPolicy(is_enabled, None if rate is None else float(str(rate)))
        case _:
            return OtherPolicy(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def write_policy(policy: Policy | None) -> str:
    """Write a policy as JSON in the one form that its meaning has."""
    match policy:
        case None:
            return "null"
        case RetentionPolicy(period, recoverable):
            return _json(
                SoftDeletePeriod=None if period is None else timespan_text(period),
                Recoverability="Enabled" if recoverable else "Disabled",
            )
        case IngestionBatchingPolicy(time, items, megabytes):
            return _json(
                MaximumBatchingTimeSpan=None if time is None else timespan_text(time),
                MaximumNumberOfItems=items,
                MaximumRawDataSizeMB=megabytes,
            )
        case StreamingIngestionPolicy(is_enabled, rate):
            return _json(IsEnabled=is_enabled, HintAllocatedRate=rate)
        case OtherPolicy(document):
            return document
        case _:
            return write_update_policy(policy)


def known_policy(name: str) -> str:
    """Return the name of a policy in lower case, or raise KustoError with the names that there are."""
    folded = name.lower()
    if folded not in NAMES:
        raise KustoError(f"Unknown policy '{name}'.", "BadRequest_UnknownPolicy", hint=f"known are {', '.join(NAMES)}")
    return folded


def altered_policy(command: AlterPolicy, current: str | None) -> str:
    """Return the JSON of a policy after a command, given what it was; an update policy is written as it is shown."""
    policy = known_policy(command.policy)
    document = _document(policy, command)
    if command.merge and current is not None:
        before = json.loads(current)
        if isinstance(before, dict) and isinstance(document, dict):
            document = {**before, **document}
        elif isinstance(before, list) and isinstance(document, list):
            document = [*before, *document]
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return write_update_policy(read_update_policy(text)) if policy == UPDATE else text


def _document(policy: str, command: AlterPolicy) -> object:
    match command.value:
        case PolicyJson(text):
            try:
                document = read_user_json(text)
            except ValueError as error:
                raise _invalid(f"The policy is not JSON: {error}") from error
            if policy in _ENFORCED_NOWHERE and document:
                raise _unenforced(policy, command)
            return document
        case PolicySwitch(enabled, query):
            if policy in _ENFORCED_NOWHERE and enabled:
                raise _unenforced(policy, command)
            return {"IsEnabled": enabled, **({"Query": query} if query else {})}
        case PolicySettings(settings):
            return _caching(settings) if policy == "caching" else _settings(settings)
        case PolicyOrder(keys):
            return {
                "Keys": [
                    {"Name": key.expression.text, "Ascending": key.ascending is not False}
                    for key in keys
                    if isinstance(key.expression, Name)
                ]
            }


def _unenforced(policy: str, command: AlterPolicy) -> UnsupportedFault:
    return UnsupportedFault(f"policy '{policy}': it would not be enforced", UNSUPPORTED, command.span)


def _caching(settings: tuple[PolicySetting, ...]) -> dict[str, object]:
    document: dict[str, object] = {}
    windows = []
    for setting in settings:
        match setting.name.lower():
            case "hot" | "hotdata":
                document["DataHotSpan"] = {"Value": _value(setting.value)}
                document.setdefault("IndexHotSpan", {"Value": _value(setting.value)})
            case "hotindex":
                document["IndexHotSpan"] = {"Value": _value(setting.value)}
            case "hot_window" if setting.upper is not None:
                windows.append({"MinValue": _value(setting.value), "MaxValue": _value(setting.upper)})
            case _:
                raise _invalid(f"Unknown caching setting '{setting.name}'")
    if windows:
        document["HotWindows"] = windows
    return document


def _settings(settings: tuple[PolicySetting, ...]) -> dict[str, object]:
    return {_SETTING_NAMES.get(each.name.lower(), each.name): _value(each.value) for each in settings}


def _value(value: Literal | DynamicLiteral | Name) -> object:
    match value:
        case Literal(Scalar.TIMESPAN, int() as ticks):
            return timespan_text(ticks)
        case Literal(value=content):
            return content
        case DynamicLiteral(text=text):
            return json.loads(text)
        case Name(text=text):
            return text.capitalize()


def _fields(kind: str, document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise _invalid(f"The {kind} policy is not a JSON object")
    return {str(name).lower(): value for name, value in document.items()}


def _ticks(value: object) -> int | None:
    """Read a timespan; what is none counts as unset."""
    if value is None:
        return None
    try:
        _, ticks = typed_literal("timespan", str(value))
    except ValueError:
        return None
    return ticks if isinstance(ticks, int) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _json(**fields: object) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _invalid(problem: str) -> KustoError:
    return KustoError(f"{problem}.", "BadRequest_InvalidPolicy")
