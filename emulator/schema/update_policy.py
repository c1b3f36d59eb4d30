"""Update policies: the JSON that turns new rows of one table into rows of another, and back."""

import fnmatch
import json
from dataclasses import dataclass

from emulator.errors import KustoError
from emulator.schema.user_json import read_user_json

POLICY = "update"


@dataclass(frozen=True, slots=True)
class UpdatePolicy:
    """One element of a table's update policy: `query` makes rows of the table from new rows of `source`."""

    source: str
    query: str
    is_enabled: bool = True
    is_wildcard: bool = False
    is_transactional: bool = False
    propagates_properties: bool = False

    def matches(self, table: str) -> bool:
        """Tell whether a table is a source of this policy."""
        return fnmatch.fnmatchcase(table, self.source) if self.is_wildcard else table == self.source


def read_update_policy(text: str | None) -> tuple[UpdatePolicy, ...]:
    """Read the JSON of an update policy, or raise KustoError; None and `null` are no policy."""
    try:
        document = read_user_json(text) if text else None
        if document is not None and not isinstance(document, list):
            raise TypeError("an update policy is a JSON array of objects")
        return tuple(map(_element, document or ()))
    except (ValueError, TypeError, KeyError) as error:
        raise KustoError(f"Invalid update policy: {error}.", "BadRequest_InvalidPolicy") from error


def write_update_policy(policies: tuple[UpdatePolicy, ...]) -> str:
    """Write an update policy as Kusto shows it."""
    return json.dumps(
        [
            {
                "IsEnabled": policy.is_enabled,
                "Source": policy.source,
                "SourceIsWildCard": policy.is_wildcard,
                "Query": policy.query,
                "IsTransactional": policy.is_transactional,
                "PropagateIngestionProperties": policy.propagates_properties,
                "ManagedIdentity": None,
            }
            for policy in policies
        ]
    )


def _element(element: object) -> UpdatePolicy:
    if not isinstance(element, dict):
        raise TypeError("an element of an update policy is an object")
    fields = {str(key).lower(): value for key, value in element.items()}
    for name in ("source", "query"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise KeyError(f"'{name.capitalize()}' is missing")
    return UpdatePolicy(
        fields["source"],
        fields["query"],
        is_enabled=_flag(fields.get("isenabled", True)),
        is_wildcard=_flag(fields.get("sourceiswildcard", False)),
        is_transactional=_flag(fields.get("istransactional", False)),
        propagates_properties=_flag(fields.get("propagateingestionproperties", False)),
    )


def _flag(value: object) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)
