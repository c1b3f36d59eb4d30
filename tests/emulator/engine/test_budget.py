"""The time of what follows from the rows of a commit, on a clock of the test's own."""

from types import SimpleNamespace

import duckdb
import pytest

from emulator.engine.session import budget as module
from emulator.engine.session.budget import Budget, BudgetEnded, Slow, StepLimits
from emulator.work import Work, WorkEnded


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=found.monotonic))
    return found


def lasted(clock: Clock, budget: Budget, name: str, seconds: float) -> bool:
    """Do a step of so many seconds; return whether it took too long."""
    try:
        with budget.step(name):
            clock.now += seconds
    except BudgetEnded:
        return True
    return False


def share(clock: Clock, budget: Budget, name: str = "any") -> float:
    """Return how much time a step has."""
    with budget.step(name):
        return round(budget.until - clock.now, 6)


def test_a_step_has_half_of_what_those_before_it_left(clock: Clock) -> None:
    budget = Budget(Work(), Slow())
    assert share(clock, budget) == 5.0
    assert not lasted(clock, budget, "A", 4.0)
    assert share(clock, budget) == 3.0
    assert lasted(clock, budget, "B", 3.0)
    budget.begin_attempt()
    assert share(clock, budget) == 1.5
    assert lasted(clock, budget, "C", 100.0)
    assert share(clock, budget) == module.LEAST_SECONDS


def test_what_no_step_is_to_blame_for_has_the_time_of_the_caller(clock: Clock) -> None:
    slow = Slow()
    budget = Budget(Work(seconds=60.0), slow)
    until = budget.until
    slow.add("B", 1.0, clock.now)
    with budget.paused():
        clock.now += 5.0
    assert budget.until == until
    with budget.step("A"):
        clock.now += 2.0
        with budget.paused():
            assert budget.until == until
            clock.now += 20.0
        # Half of the eight that are left.
        assert round(budget.until - clock.now, 6) == 4.0
        clock.now += 3.0
    assert share(clock, budget) == 2.5


def test_rows_from_outside_bring_time_once_an_attempt(clock: Clock) -> None:
    budget = Budget(Work(), Slow())
    for _ in range(3):
        budget.begin_attempt()
        budget.allow_for(400_000)
        assert share(clock, budget) == 15.0


def test_a_step_within_a_step_takes_time_of_its_own(clock: Clock) -> None:
    budget = Budget(Work(), Slow())
    with budget.step("outer"):
        clock.now += 2.0
        assert lasted(clock, budget, "inner", 4.0)
        assert budget.until == clock.now + 2.0
        clock.now += 1.0
    assert share(clock, budget) == 1.5


def test_what_took_too_long_has_little_time_for_a_while(clock: Clock) -> None:
    slow = Slow()
    assert lasted(clock, Budget(Work(), slow), "A", 6.0)
    short = Budget(Work(), slow)
    assert (share(clock, short, "A"), share(clock, short, "B")) == (module.LEAST_SECONDS, 5.0)
    short.allow_for(40_000)
    assert share(clock, short, "A") == module.LEAST_SECONDS + 1.0
    # A short one in vain does not end the pause of a long one.
    assert lasted(clock, Budget(Work(), slow), "A", 1.0)
    clock.now += 19.0 * 6.0 - 2.0
    assert share(clock, Budget(Work(), slow), "A") == module.LEAST_SECONDS
    clock.now += 2.0
    assert share(clock, Budget(Work(), slow), "A") == 5.0


def test_a_step_has_no_longer_than_the_caller_whose_end_is_another(clock: Clock) -> None:
    caller = Work()
    caller.until = clock.now + 2.0
    budget = Budget(caller, Slow())
    assert share(clock, budget) == 2.0
    caller.cancel("enough")
    assert budget.is_canceled
    assert not lasted(clock, budget, "A", 60.0)
    assert budget.fault() == caller.fault()


def test_a_caller_is_let_go_of(clock: Clock) -> None:
    caller = Work()
    budget = Budget(caller, Slow())
    budget.close()
    caller.cancel()
    assert not budget.is_canceled


def test_an_administrator_has_all_time(clock: Clock) -> None:
    budget = Budget(Work(), Slow())
    budget.lift()
    assert not lasted(clock, budget, "A", 3_600.0)


def fail(clock: Clock, error: BaseException) -> None:
    with Budget(Work(), Slow()).step("A"):
        clock.now += 5.0
        raise error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), BudgetEnded),
        (duckdb.InvalidInputException("Invalid Input Error: a function was left"), BudgetEnded),
        (WorkEnded(), BudgetEnded),
        # Of these, the step's end is no cause.
        (duckdb.IOException("IO Error: no"), duckdb.IOException),
        (duckdb.FatalException("FATAL Error: no"), duckdb.FatalException),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
def test_an_error_at_the_end_of_the_time_is_that_end(
    clock: Clock, error: BaseException, raised: type[BaseException]
) -> None:
    with pytest.raises(raised):
        fail(clock, error)


def test_an_error_before_the_end_of_the_time_is_itself(clock: Clock) -> None:
    error = duckdb.ConversionException("Conversion Error: no")
    with pytest.raises(duckdb.ConversionException), Budget(Work(), Slow()).step("A"):
        raise error


def test_other_limits_than_those_that_are_shipped(clock: Clock) -> None:
    budget = Budget(Work(), Slow(), StepLimits(seconds=4.0, seconds_per_row=1e-3))
    assert share(clock, budget) == 2.0
    budget.allow_for(2_000)
    assert share(clock, budget) == 3.0
    budget.begin_attempt()
    assert share(clock, budget) == 2.0
    slow = Slow()
    assert lasted(clock, Budget(Work(), slow, StepLimits(seconds=4.0)), "A", 3.0)
    short = Budget(Work(), slow, StepLimits(seconds=4.0, seconds_per_row=1e-3))
    short.allow_for(2_000)
    assert share(clock, short, "A") == module.LEAST_SECONDS + 1.0
