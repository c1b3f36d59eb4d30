"""Outliers, seasonal decomposition, anomalies and forecasts of series, for a season of known length."""

from emulator.errors import SemanticFault, UnsupportedFault
from emulator.functions.function import Function, Operand, ResultName, Signature
from emulator.functions.physical import as_type
from emulator.functions.series.elements import reals
from emulator.functions.shorthand import DYNAMICS, NUMBERS, TEXT, WHOLE, param, simple
from emulator.sql.ast import Sql
from emulator.sql.build import call, cast, lit
from emulator.types import DYNAMIC, REAL, KqlType, Scalar, list_of

_REALS = list_of(Scalar.REAL)
_SERIES = param("series", DYNAMICS)
_SEASONALITY = param("seasonality", WHOLE, optional=True, constant=True)
_TREND = param("trend", TEXT, optional=True, constant=True)
_TEST_POINTS = param("test_points", WHOLE, optional=True, constant=True)
_METHOD = param("method", TEXT, optional=True, constant=True)
_THRESHOLD = param("seasonality_threshold", NUMBERS, optional=True)


def _given(operands: tuple[Operand, ...], position: int, default: object) -> object:
    if position >= len(operands):
        return default
    if not operands[position].is_constant:
        raise UnsupportedFault("a seasonal decomposition with settings that are not literals", "TH0307")
    return operands[position].value


def _period(function: str, operands: tuple[Operand, ...], position: int) -> Sql:
    period = _given(operands, position, -1)
    if not isinstance(period, int) or period < 0:
        raise UnsupportedFault(
            f"{function}() with a season whose length it has to find",
            "TH0307",
            hint="give the length, or 0 for no season",
        )
    return lit(period)


def _choice(function: str, operands: tuple[Operand, ...], position: int, choices: tuple[str, ...]) -> Sql:
    value = _given(operands, position, choices[0])
    if value not in choices:
        raise SemanticFault(f"{function}(): {value!r} is not one of {', '.join(choices)}", "SEM0237")
    return lit(value)


_TRENDS = ("avg", "linefit", "none")
_LINE_FIRST = ("linefit", "avg", "none")
_METHODS = ("ctukey", "tukey")


def _outliers(operands: tuple[Operand, ...]) -> Sql:
    kind = _choice("series_outliers", operands, 1, _METHODS)
    ignored = as_type(operands[2], REAL) if len(operands) > 2 else cast(lit(None), "DOUBLE")
    return call("kql_series_outliers", reals(operands[0]), kind, ignored)


def _count(operands: tuple[Operand, ...], position: int) -> Sql:
    points = _given(operands, position, 0)
    return lit(points if isinstance(points, int) and points > 0 else 0)


def _decompose(operands: tuple[Operand, ...]) -> Sql:
    name = "series_decompose"
    return call(
        "kql_series_decompose",
        reals(operands[0]),
        _period(name, operands, 1),
        _choice(name, operands, 2, _TRENDS),
        _count(operands, 3),
    )


def _forecast(operands: tuple[Operand, ...]) -> Sql:
    name = "series_decompose_forecast"
    return call(
        "kql_series_forecast",
        reals(operands[0]),
        _count(operands, 1),
        _period(name, operands, 2),
        _choice(name, operands, 3, _LINE_FIRST),
    )


def _anomalies(operands: tuple[Operand, ...]) -> Sql:
    name = "series_decompose_anomalies"
    threshold = as_type(operands[1], REAL) if len(operands) > 1 else lit(1.5)
    return call(
        "kql_series_anomalies",
        reals(operands[0]),
        threshold,
        _period(name, operands, 2),
        _choice(name, operands, 3, _TRENDS),
        _count(operands, 4),
        _choice(name, operands, 5, _METHODS),
    )


def _columns(prefix: str, names: tuple[str, ...]) -> tuple[tuple[str, KqlType], ...]:
    return tuple((f"{prefix}_{{0}}_{name}", _REALS) for name in names)


DECOMPOSITION: tuple[Function, ...] = (
    simple(
        "series_outliers",
        "How far each item lies outside the normal range of the series; beyond 1.5 it is an outlier.",
        (_SERIES, param("kind", TEXT, optional=True, constant=True), param("ignore_val", NUMBERS, optional=True)),
        _REALS,
        _outliers,
        ("print series_outliers(dynamic([1, 2, 3, 4, 9]), 'tukey')", "[-0.5,0.0,0.0,0.0,2.5]"),
        result_name=ResultName.FIRST_ARGUMENT,
    ),
    Function(
        "series_decompose",
        "The series as baseline, seasonal, trend and residual, for a season of given length.",
        (Signature((_SERIES, _SEASONALITY, _TREND, _TEST_POINTS, _THRESHOLD), DYNAMIC, _decompose),),
        outputs=lambda _: _columns("series_decompose", ("baseline", "seasonal", "trend", "residual")),
        example=(
            "print y = dynamic([1, 5, 1, 5]) | extend series_decompose(y, 2) | project series_decompose_y_seasonal",
            "[1.0,5.0,1.0,5.0]",
        ),
    ),
    simple(
        "series_decompose_forecast",
        "The baseline of the series with its last items foretold, for a season of given length.",
        (_SERIES, param("test_points", WHOLE, constant=True), _SEASONALITY, _TREND, _THRESHOLD),
        _REALS,
        _forecast,
        ("print series_decompose_forecast(dynamic([1, 5, 1, 5, 0, 0]), 2, 2, 'avg')", "[1.0,5.0,1.0,5.0,1.0,5.0]"),
    ),
    Function(
        "series_decompose_anomalies",
        "Flags, scores and baseline of items that do not fit into a season of given length and a trend.",
        (
            Signature(
                (
                    _SERIES,
                    param("threshold", NUMBERS, optional=True),
                    _SEASONALITY,
                    _TREND,
                    _TEST_POINTS,
                    _METHOD,
                    _THRESHOLD,
                ),
                DYNAMIC,
                _anomalies,
            ),
        ),
        outputs=lambda _: _columns("series_decompose_anomalies", ("ad_flag", "ad_score", "baseline")),
        example=(
            "print y = dynamic([1, 2, 3, 4, 99]) | extend series_decompose_anomalies(y, 1.5, 0, 'avg', 0, 'tukey')"
            " | project series_decompose_anomalies_y_ad_flag",
            "[0.0,0.0,0.0,0.0,1.0]",
        ),
    ),
)
