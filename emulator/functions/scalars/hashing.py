"""Hash values: xxHash64 as numbers, digests of text forms."""

from emulator.errors import UnsupportedFault
from emulator.functions.function import Function, Operand, Signature
from emulator.functions.physical import as_text
from emulator.functions.shorthand import ANY, WHOLE, param, simple
from emulator.sql.ast import Sql
from emulator.sql.build import EMPTY, call, case, cast, lit, op
from emulator.types import LONG, STRING, Scalar

_DIGESTS = {
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
}


def _digest(algorithm: str) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        # The service hashes the empty string to the empty string.
        text = as_text(operands[0])
        return case((op("=", text, EMPTY), EMPTY), otherwise=call(algorithm, text))

    return simple(
        f"hash_{algorithm}",
        f"The {algorithm.upper()} digest of a value's text form, in hexadecimal digits.",
        (param("source"),),
        STRING,
        emit,
        (f"print hash_{algorithm}('abc')", _DIGESTS[algorithm]),
    )


def _hash(operands: tuple[Operand, ...]) -> Sql:
    source = operands[0]
    match source.type.scalar:
        case Scalar.STRING:
            hashed = call("kql_hash_text", source.sql)
        case Scalar.LONG | Scalar.TIMESPAN:
            hashed = call("kql_hash_number", source.sql)
        case Scalar.DATETIME:
            hashed = call("kql_hash_number", call("kql_ticks", source.sql))
        case _:
            raise UnsupportedFault(
                f"hash() of a {source.type}", "TH0306", hint="convert it with tostring(…) or tolong(…)"
            )
    if len(operands) == 1:
        return hashed
    # The remainder is that of the unsigned hash, so that it lies between 0 and the modulus.
    unsigned = op("+", cast(hashed, "HUGEINT"), case((op("<", hashed, lit(0)), lit(2**64)), otherwise=lit(0)))
    return cast(op("%", unsigned, call("nullif", operands[1].sql, lit(0))), "BIGINT")


def _hash_row(name: str) -> Function:
    parameters = (param("source", ANY), param("mod", WHOLE, optional=True))
    return Function(
        name,
        "The xxHash64 of a value, as it is or modulo a number.",
        (Signature(parameters, LONG, _hash),),
        example=(f"print {name}('World', 100)", "51"),
    )


HASHING: tuple[Function, ...] = (
    _hash_row("hash"),
    _hash_row("hash_xxhash64"),
    _digest("md5"),
    _digest("sha1"),
    _digest("sha256"),
)
