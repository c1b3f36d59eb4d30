"""Where readers begin: what a selector says, which sequence number that is, and which events it admits."""

from typing import cast

import pytest

from emulator.eventhubs.errors import HubError, PositionRejected
from emulator.eventhubs.hubs.log import Log
from emulator.eventhubs.hubs.positions import LATEST, By, Position, parse_selector


class Numbered:
    """A log of the sequence numbers from 10 to 19, which says how it was asked."""

    begin, end = 10, 20

    def sequence_at_offset(self, offset: int, *, inclusive: bool) -> tuple[str, int, bool]:
        return "offset", offset, inclusive

    def sequence_at_time(self, time: int, *, inclusive: bool) -> tuple[str, int, bool]:
        return "time", time, inclusive


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("amqp.annotation.x-opt-offset > '-1'", Position(By.OFFSET, -1, False)),
        (" amqp.annotation.x-opt-offset >= '5' ", Position(By.OFFSET, 5, True)),
        ("amqp.annotation.x-opt-offset > '@latest'", LATEST),
        ("amqp.annotation.x-opt-sequence-number > '7'", Position(By.SEQUENCE, 7, False)),
        ("amqp.annotation.x-opt-sequence-number >= '7'", Position(By.SEQUENCE, 7, True)),
        ("amqp.annotation.x-opt-enqueued-time > '1000'", Position(By.TIME, 1000, False)),
    ],
)
def test_a_selector_is_a_position(text: str, position: Position) -> None:
    assert parse_selector(text) == position


@pytest.mark.parametrize(
    ("text", "condition", "description"),
    [
        ("", "amqp:invalid-field", 'The selector "" is not supported'),
        ("x-opt-offset > '1'", "amqp:invalid-field", "The selector \"x-opt-offset > '1'\" is not supported"),
        (
            "amqp.annotation.x-opt-sequence-number > '@latest'",
            "com.microsoft:argument-error",
            "The supplied sequence-number '@latest' is invalid",
        ),
    ],
)
def test_what_is_no_selector_is_refused(text: str, condition: str, description: str) -> None:
    with pytest.raises(HubError) as caught:
        parse_selector(text)
    assert (caught.value.condition, caught.value.description) == (condition, description)


@pytest.mark.parametrize(
    ("position", "sequence"),
    [
        (LATEST, 20),
        (Position(By.SEQUENCE, None, True), 20),
        (Position(By.OFFSET, -1, False), 10),
        (Position(By.OFFSET, 0, False), ("offset", 0, False)),
        (Position(By.OFFSET, 4, True), ("offset", 4, True)),
        (Position(By.TIME, 4, False), ("time", 4, False)),
        (Position(By.TIME, 4, True), ("time", 4, True)),
        (Position(By.SEQUENCE, 3, True), 10),
        (Position(By.SEQUENCE, 9, False), 10),
        (Position(By.SEQUENCE, 12, True), 12),
        (Position(By.SEQUENCE, 12, False), 13),
        (Position(By.SEQUENCE, 19, False), 20),
        (Position(By.SEQUENCE, 20, True), 20),
    ],
)
def test_a_position_is_a_sequence_number(position: Position, sequence: object) -> None:
    found: object = position.sequence(cast(Log, Numbered()))
    assert found == sequence


@pytest.mark.parametrize(("value", "inclusive"), [(21, True), (20, False)])
def test_a_sequence_number_past_the_end_is_refused(value: int, inclusive: bool) -> None:
    with pytest.raises(PositionRejected) as caught:
        Position(By.SEQUENCE, value, inclusive).sequence(cast(Log, Numbered()))
    assert (
        f"The supplied sequence number '{value}' is invalid. The last sequence number in the system is '19'"
        == caught.value.description
    )


@pytest.mark.parametrize(
    ("position", "admitted"),
    [
        (Position(By.TIME, 5, True), [5, 6]),
        (Position(By.TIME, 5, False), [6]),
        (Position(By.TIME, None, False), [4, 5, 6]),
        (Position(By.OFFSET, 5, False), [4, 5, 6]),
        (Position(By.SEQUENCE, 9, True), [4, 5, 6]),
    ],
)
def test_events_before_a_time_are_not_admitted(position: Position, admitted: list[int]) -> None:
    assert [time for time in (4, 5, 6) if position.admits(time)] == admitted
