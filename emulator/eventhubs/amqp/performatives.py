"""The performatives of AMQP 1.0 (OASIS amqp-core-transport, 2.7) and SASL, as values and on the wire.

They are always written with all their fields: the Azure client reads them by position, and fails on lists that leave
out trailing nulls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias, cast

from emulator.eventhubs.amqp.codec import decode, write
from emulator.eventhubs.amqp.types import Array, CodecError, Described, Symbol, UByte, UInt, ULong, UShort, Value

ROLE_RECEIVER = True
_RECEIVER_SETTLES_FIRST = 0

Fields: TypeAlias = dict[Value, Value]


@dataclass(frozen=True, slots=True)
class Open:
    """The first frame of a connection."""

    container_id: str
    hostname: str | None = None
    max_frame_size: int = 0xFFFFFFFF
    channel_max: int = 0xFFFF
    idle_time_out: int | None = None
    outgoing_locales: Value = None
    incoming_locales: Value = None
    offered_capabilities: Value = None
    desired_capabilities: Value = None
    properties: Fields | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """The first frame of a session; the windows count transfers."""

    remote_channel: int | None = None
    next_outgoing_id: int = 0
    incoming_window: int = 0
    outgoing_window: int = 0
    handle_max: int = 0xFFFFFFFF
    offered_capabilities: Value = None
    desired_capabilities: Value = None
    properties: Fields | None = None


@dataclass(frozen=True, slots=True)
class Attach:
    """The first frame of a link; `role` is that of the one who sends it."""

    name: str
    handle: int
    role: bool
    snd_settle_mode: int = 2
    rcv_settle_mode: int = _RECEIVER_SETTLES_FIRST
    source: Described | None = None
    target: Described | None = None
    unsettled: Fields | None = None
    incomplete_unsettled: bool = False
    initial_delivery_count: int | None = None
    max_message_size: int | None = None
    offered_capabilities: Value = None
    desired_capabilities: Value = None
    properties: Fields | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """The windows of a session and, with a handle, the credit of a link."""

    next_incoming_id: int | None = None
    incoming_window: int = 0
    next_outgoing_id: int = 0
    outgoing_window: int = 0
    handle: int | None = None
    delivery_count: int | None = None
    link_credit: int | None = None
    available: int | None = None
    drain: bool = False
    echo: bool = False
    properties: Fields | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A message, or with `more` a part of it."""

    handle: int
    delivery_id: int | None = None
    delivery_tag: bytes | None = None
    message_format: int | None = None
    settled: bool | None = None
    more: bool = False
    rcv_settle_mode: int | None = None
    state: Described | None = None
    resume: bool = False
    aborted: bool = False
    batchable: bool = False


@dataclass(frozen=True, slots=True)
class Disposition:
    """What became of the deliveries from `first` to `last`."""

    role: bool
    first: int
    last: int | None = None
    settled: bool = False
    state: Described | None = None
    batchable: bool = False


@dataclass(frozen=True, slots=True)
class Detach:
    """The last frame of a link."""

    handle: int
    closed: bool = False
    error: Described | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The last frame of a session."""

    error: Described | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """The last frame of a connection."""

    error: Described | None = None


@dataclass(frozen=True, slots=True)
class SaslMechanisms:
    """The ways to authenticate that a server offers."""

    mechanisms: Array


@dataclass(frozen=True, slots=True)
class SaslInit:
    """The way to authenticate that a client has chosen."""

    mechanism: str
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class SaslOutcome:
    """How the authentication ended; 0 is success, 1 a refusal."""

    code: int
    additional_data: bytes | None = None


Performative: TypeAlias = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close
SaslPerformative: TypeAlias = SaslMechanisms | SaslInit | SaslOutcome

# The wire type of each field, and whether it must be there.
_STRING, _UINT, _BOOL, _ANY = (str, False), (UInt, False), (bool, False), (object, False)
_MAP, _DESCRIBED, _BINARY = (dict, False), (Described, False), (bytes, False)
_STRING_, _UINT_, _BOOL_ = (str, True), (UInt, True), (bool, True)

_CAPABILITIES = (_ANY, _ANY, _MAP)
_KINDS: Mapping[type, tuple[int, tuple[tuple[type, bool], ...]]] = {
    Open: (0x10, (_STRING_, _STRING, _UINT, (UShort, False), _UINT, _ANY, _ANY, *_CAPABILITIES)),
    Begin: (0x11, ((UShort, False), _UINT_, _UINT_, _UINT_, _UINT, *_CAPABILITIES)),
    Attach: (
        0x12,
        (
            *(_STRING_, _UINT_, _BOOL_, (UByte, False), (UByte, False), _DESCRIBED, _DESCRIBED, _MAP, _BOOL, _UINT),
            *((ULong, False), *_CAPABILITIES),
        ),
    ),
    Flow: (0x13, (_UINT, _UINT_, _UINT_, _UINT_, _UINT, _UINT, _UINT, _UINT, _BOOL, _BOOL, _MAP)),
    Transfer: (
        0x14,
        (_UINT_, _UINT, _BINARY, _UINT, _BOOL, _BOOL, (UByte, False), _DESCRIBED, _BOOL, _BOOL, _BOOL),
    ),
    Disposition: (0x15, (_BOOL_, _UINT_, _UINT, _BOOL, _DESCRIBED, _BOOL)),
    Detach: (0x16, (_UINT_, _BOOL, _DESCRIBED)),
    End: (0x17, (_DESCRIBED,)),
    Close: (0x18, (_DESCRIBED,)),
    SaslMechanisms: (0x40, ((Array, True),)),
    SaslInit: (0x41, ((Symbol, True), _BINARY, _STRING)),
    SaslOutcome: (0x44, ((UByte, True), _BINARY)),
}
_BY_CODE = {code: (kind, specification) for kind, (code, specification) in _KINDS.items()}
_NAMES = {kind: tuple(each.name for each in fields(kind)) for kind in _KINDS}
_INTEGERS = frozenset({UByte, UShort, UInt, ULong})


def encode_performative(performative: Performative | SaslPerformative) -> bytes:
    """Write a performative with all its fields."""
    kind = type(performative)
    code, specification = _KINDS[kind]
    values: list[Value] = []
    for name, (type_, _) in zip(_NAMES[kind], specification, strict=True):
        value = getattr(performative, name)
        values.append(type_(value) if value is not None and type_ in _INTEGERS else value)
    out = bytearray()
    write(out, Described(ULong(code), values))
    return bytes(out)


def decode_performative(body: bytes) -> tuple[Performative | SaslPerformative, int]:
    """Read the performative at the start of a frame's body; return it and where the payload begins."""
    described, end = decode(body)
    match described:
        case Described(int() as code, list() as values) if code in _BY_CODE:
            pass
        case _:
            raise CodecError("the frame does not begin with a performative")
    kind, specification = _BY_CODE[code]
    if len(values) > len(specification):
        raise CodecError(f"{kind.__name__} has {len(values)} fields, at most {len(specification)} are known")
    given: dict[str, Value] = {}
    # Fields left out at the end are null, and null takes the default.
    for position, (name, (type_, is_required)) in enumerate(zip(_NAMES[kind], specification, strict=True)):
        value = values[position] if position < len(values) else None
        if value is None:
            if is_required:
                raise CodecError(f"{kind.__name__} lacks the field {name}")
            continue
        if not isinstance(value, type_):
            raise CodecError(f"{name} of {kind.__name__} is a {type(value).__name__}, expected {type_.__name__}")
        given[name] = cast(Value, value)
    return cast(Performative | SaslPerformative, kind(**given)), end


def error(condition: str, description: str) -> Described:
    """Return an error for a detach, an end, a close or a rejection."""
    return Described(ULong(0x1D), [Symbol(condition), description, None])


def accepted() -> Described:
    """Return the outcome of a delivery that is stored."""
    return Described(ULong(0x24), [])


def rejected(condition: str, description: str) -> Described:
    """Return the outcome of a delivery that will never be stored."""
    return Described(ULong(0x25), [error(condition, description)])


def address(terminus: Described | None) -> str | None:
    """Return the address of a source or target."""
    match terminus:
        case Described(_, [str() as text, *_]):
            return text
        case _:
            return None


def filters(source: Described | None) -> Fields:
    """Return the filter set of a source (its eighth field)."""
    match source:
        case Described(_, list() as values) if len(values) > 7 and isinstance(values[7], dict):
            return values[7]
        case _:
            return {}


def symbols(value: Value) -> tuple[str, ...]:
    """Return the symbols of a field that holds none, one or several."""
    match value:
        case str():
            return (value,)
        case Array(values):
            return tuple(str(each) for each in values)
        case _:
            return ()
