"""Policies: what a document means, and the one text of each meaning."""

import pytest

from emulator.errors import KustoError
from emulator.schema.policies import (
    IngestionBatchingPolicy,
    OtherPolicy,
    Policy,
    RetentionPolicy,
    StreamingIngestionPolicy,
    altered_policy,
    read_policy,
    write_policy,
)
from emulator.schema.update_policy import UpdatePolicy
from emulator.syntax.commands import AlterPolicy
from emulator.syntax.parse_command import parse_command

DAY = 864_000_000_000


@pytest.mark.parametrize(
    ("kind", "text", "policy"),
    [
        ("retention", '{"SoftDeletePeriod": "10.00:00:00"}', RetentionPolicy(10 * DAY)),
        (
            "retention",
            '{"Recoverability": "Disabled", "SoftDeletePeriod": "1.00:00:00"}',
            RetentionPolicy(DAY, is_recoverable=False),
        ),
        ("retention", '{"SoftDeletePeriod": null, "Recoverability": "Enabled"}', RetentionPolicy()),
        (
            "ingestionbatching",
            '{"MaximumBatchingTimeSpan": "00:00:30", "MaximumNumberOfItems": 20, "MaximumRawDataSizeMB": 300,}',
            IngestionBatchingPolicy(300_000_000, 20, 300),
        ),
        ("ingestionbatching", '{"MaximumNumberOfItems": 0}', IngestionBatchingPolicy()),
        ("streamingingestion", '{"IsEnabled": true}', StreamingIngestionPolicy(is_enabled=True)),
        (
            "streamingingestion",
            '{"HintAllocatedRate": 2.1, "IsEnabled": true}',
            StreamingIngestionPolicy(is_enabled=True, hint_allocated_rate=2.1),
        ),
        ("caching", '{"b": 1, "a": {"d": 2, "c": 3}}', OtherPolicy('{"a":{"c":3,"d":2},"b":1}')),
        ("update", '[{"Source": "S", "Query": "F()"}]', (UpdatePolicy("S", "F()"),)),
        ("retention", "null", None),
    ],
)
def test_a_document_is_read_and_written_back_with_its_meaning(kind: str, text: str, policy: Policy | None) -> None:
    assert read_policy(kind, text) == policy
    assert read_policy(kind, write_policy(policy)) == policy


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (RetentionPolicy(10 * DAY), '{"SoftDeletePeriod":"10.00:00:00","Recoverability":"Enabled"}'),
        (
            IngestionBatchingPolicy(300_000_000, 20),
            '{"MaximumBatchingTimeSpan":"00:00:30","MaximumNumberOfItems":20,"MaximumRawDataSizeMB":null}',
        ),
        (StreamingIngestionPolicy(is_enabled=True), '{"IsEnabled":true,"HintAllocatedRate":null}'),
        (None, "null"),
    ],
)
def test_a_policy_is_written_as_the_service_writes_it(policy: Policy | None, text: str) -> None:
    assert write_policy(policy) == text


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("retention", "[]", "The retention policy is not a JSON object."),
        ("retention", "!", "The policy is not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("update", '[{"Source": "S"}]', "Invalid update policy: \"'Query' is missing\"."),
    ],
)
def test_what_is_no_policy_is_refused(kind: str, text: str, message: str) -> None:
    with pytest.raises(KustoError) as caught:
        read_policy(kind, text)
    assert (caught.value.message, caught.value.code) == (message, "BadRequest_InvalidPolicy")


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (".alter table T policy streamingingestion enable", None, '{"IsEnabled":true}'),
        (".alter table T policy retention softdelete = 10d", None, '{"SoftDeletePeriod":"10.00:00:00"}'),
        (
            ".alter-merge table T policy retention recoverability = disabled",
            '{"SoftDeletePeriod":"10.00:00:00"}',
            '{"SoftDeletePeriod":"10.00:00:00","Recoverability":"Disabled"}',
        ),
        (
            ".alter table T policy retention recoverability = disabled",
            '{"SoftDeletePeriod":"10.00:00:00"}',
            '{"Recoverability":"Disabled"}',
        ),
        (
            ".alter table T policy caching hot = 3d",
            None,
            '{"DataHotSpan":{"Value":"3.00:00:00"},"IndexHotSpan":{"Value":"3.00:00:00"}}',
        ),
    ],
)
def test_a_command_says_what_a_policy_becomes(command: str, before: str | None, after: str) -> None:
    parsed = parse_command(command)
    assert isinstance(parsed, AlterPolicy)
    assert altered_policy(parsed, before) == after
