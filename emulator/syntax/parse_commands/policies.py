"""Policies: as JSON, as a switch, as settings, or as an order of columns."""

from emulator.syntax.commands import (
    AlterPolicy,
    DeletePolicy,
    Entity,
    PolicyJson,
    PolicyOrder,
    PolicySetting,
    PolicySettings,
    PolicySwitch,
    PolicyValue,
    ShowPolicy,
)
from emulator.syntax.cursor import Cursor
from emulator.syntax.parse_commands.parts import Head, parse_properties
from emulator.syntax.parse_parts import comma_list, parse_literal_value, parse_order_key

POLICIES = (
    "auto_delete",
    "caching",
    "callout",
    "capacity",
    "diagnostics",
    "encoding",
    "extent_tags_retention",
    "ingestionbatching",
    "ingestiontime",
    "managed_identity",
    "merge",
    "mirroring",
    "multidatabaseadmins",
    "partitioning",
    "query_acceleration",
    "query_weak_consistency",
    "request_classification",
    "restricted_view_access",
    "retention",
    "row_level_security",
    "roworder",
    "sandbox",
    "sharding",
    "streamingingestion",
    "update",
)
_SWITCHES = {"enable": True, "true": True, "disable": False, "false": False}


def alter_policy(cursor: Cursor, head: Head, entities: tuple[Entity, ...]) -> AlterPolicy:
    """Parse `policy name value`."""
    policy = _policy(cursor)
    value = _value(cursor, policy)
    properties = parse_properties(cursor)
    merge = head.verb == "alter-merge"
    return AlterPolicy(entities, policy, value, merge, properties, cursor.span_from(head.start))


def delete_policy(cursor: Cursor, head: Head, entity: Entity) -> DeletePolicy:
    """Parse `policy name` of a delete."""
    return DeletePolicy(entity, _policy(cursor), cursor.span_from(head.start))


def show_policy(cursor: Cursor, head: Head, entity: Entity) -> ShowPolicy:
    """Parse `policy name` or `policy *` of a show."""
    if cursor.peek().text == "*":
        cursor.advance()
        cursor.advance()
        return ShowPolicy(entity, "*", cursor.span_from(head.start))
    return ShowPolicy(entity, _policy(cursor), cursor.span_from(head.start))


def _policy(cursor: Cursor) -> str:
    cursor.expect("policy")
    name = cursor.token.text.lower()
    if name not in POLICIES:
        raise cursor.fault("the name of a policy", hint=f"the policies are {', '.join(POLICIES)}")
    cursor.advance()
    return name


def _value(cursor: Cursor, policy: str) -> PolicyValue:
    if (text := cursor.take_string()) is not None:
        return PolicyJson(text)
    if cursor.take("("):
        keys = comma_list(cursor, parse_order_key)
        cursor.expect(")")
        return PolicyOrder(keys)
    if cursor.token.text.lower() in _SWITCHES and cursor.peek().text != "=":
        enabled = _SWITCHES[cursor.advance().text.lower()]
        return PolicySwitch(enabled, cursor.take_string() or "")
    if cursor.at_assignment():
        settings = [_setting(cursor)]
        while cursor.take(",") or cursor.at_assignment():
            settings.append(_setting(cursor))
        return PolicySettings(tuple(settings))
    raise cursor.fault(f"the value of the {policy} policy", hint="a policy is written as a string of JSON")


def _setting(cursor: Cursor) -> PolicySetting:
    name = cursor.expect_name("the name of a setting").text
    cursor.expect("=")
    value = parse_literal_value(cursor)
    upper = parse_literal_value(cursor) if cursor.take("..") else None
    return PolicySetting(name, value, upper)
