"""Queries that want more than there is, and payloads that are not what they say."""

# A pair of every two rows, of which none is kept: much time on every core, little memory.
HEAVY = """range a from 1 to 3000000 step 1 | extend k = a % 3
| join kind=inner (range b from 1 to 3000000 step 1 | extend k = b % 3) on k
| where a * 7 + b < {n} | count"""


def doubling_lets(levels: int) -> str:
    """Return lets of which each uses the one before twice."""
    lets = ["let a0 = toscalar(print 1);", *(f"let a{n} = a{n - 1} + a{n - 1};" for n in range(1, levels))]
    return "".join(lets) + f"print a{levels - 1}"


def doubling_tables(levels: int) -> str:
    """Return the same of tables."""
    lets = ["let t0 = print x = 1;", *(f"let t{n} = union t{n - 1}, t{n - 1};" for n in range(1, levels))]
    return "".join(lets) + f"t{levels - 1} | count"


# By kind; what they ask for would be hours of work, or more memory than any machine has.
BOMBS = {
    "join": HEAVY.format(n=-1),
    "lets": doubling_lets(40),
    "tables": doubling_tables(40),
    "repeat": "print repeat(1, 300000000)",
    "range": "print range(1, 300000000)",
    "sort": "range x from 1 to 1000000000 step 1 | sort by x desc | take 1",
    "list": "range x from 1 to 200000000 step 1 | summarize make_list(tostring(x))",
    "expand": "print a = range(1, 1000000) | mv-expand a | extend b = range(1, 1000000) | mv-expand b | count",
    "text": "print x = strcat_array(repeat('0123456789', 100000), '') | extend y = repeat(x, 10000) | mv-expand y",
    "terms": "print x = 1 | where " + " or ".join(f"x == {n}" for n in range(2_000)),
    "members": f"print x = 1 | where x in ({', '.join(map(str, range(20_000)))})",
    "replace": ".set-or-replace Heavy <| " + HEAVY.format(n=-1),
}

# Format and bytes; none of them may be stored, and none may be the Eventhouse's own fault.
MALFORMED = (
    ("json", b'{"Batch": "poison"'),
    ("json", b"[" * 20_000),
    ("json", b"\xff\xfe\x00"),
    ("csv", b'"poison,1,1\n'),
    ("csv", b"\x1f\x8b\x08nothing that is gzip"),
    ("parquet", b"PAR1" + bytes(64) + b"PAR1"),
    ("avro", b"Obj\x01" + bytes(64)),
    ("orc", b"ORC" + bytes(64)),
    ("multijson", b'[{"Batch": "poison"}, {'),
)

# Rows that are fine, of which views cannot compute what they are for: two of them add up beyond a long.
OVERFLOWING = b"s,9223372036854775807\n"
POISONED = (
    ".create-merge table Poisoned (S: string, N: long)",
    ".create ifnotexists materialized-view PoisonedSum on table Poisoned { Poisoned | summarize sum(N) by S }",
)
