"""Series: arrays of numbers. What SQL cannot say runs in the engine's vectorized functions, named in `udf`."""

from collections.abc import Callable

from emulator.functions.function import Emit, Function, Operand, ResultName, Signature
from emulator.functions.physical import as_list, as_type, duckdb_type
from emulator.functions.shorthand import BOOLS, DYNAMICS, NUMBERS, WHOLE, param, simple
from emulator.sql.ast import ColumnRef, Sql
from emulator.sql.build import call, case, cast, lambda_, lit, op
from emulator.types import BOOL, DYNAMIC, LONG, REAL, KqlType, Scalar, list_of

_REALS = list_of(Scalar.REAL)
_BOOLEANS = list_of(Scalar.BOOL)
_SERIES = param("series", DYNAMICS)
_KEEP = ResultName.FIRST_ARGUMENT
_ELEMENT = ColumnRef("e")


def reals(operand: Operand) -> Sql:
    """Emit a series as a list of reals; items that are no numbers become null."""
    return as_list(operand, Scalar.REAL)


def _fir(operands: tuple[Operand, ...]) -> Sql:
    flags = [as_type(operand, BOOL) for operand in operands[2:]]
    # Without the flag: normalized, unless the filter has negative coefficients.
    normalize = flags[0] if flags else cast(lit(None), "BOOLEAN")
    center = flags[1] if len(flags) > 1 else lit(False)
    return call("kql_series_fir", reals(operands[0]), reals(operands[1]), normalize, center)


def _iir(operands: tuple[Operand, ...]) -> Sql:
    return call("kql_series_iir", *(reals(operand) for operand in operands))


def _mapped(build: Callable[[Sql], Sql]) -> Emit:
    return lambda operands: call("list_transform", reals(operands[0]), lambda_("e", build(_ELEMENT)))


def _each(name: str, meaning: str, build: Callable[[Sql], Sql], example: tuple[str, str]) -> Function:
    return simple(name, f"{meaning} of every item.", (_SERIES,), _REALS, _mapped(build), example)


def _function(name: str) -> Callable[[Sql], Sql]:
    return lambda item: call(name, item)


def _paired(build: Callable[[Sql, Sql], Sql], element: Scalar) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        left, right = operands
        position = op("+", ColumnRef("i"), lit(1))
        sides: list[Sql] = []
        lengths: list[Sql] = []
        for side in (left, right):
            if side.type.scalar is Scalar.DYNAMIC:
                items = as_list(side, element)
                lengths.append(call("len", items))
                sides.append(call("list_extract", items, position))
            else:
                sides.append(as_type(side, KqlType(element)))
        # A null series gives null, while `greatest` would skip it.
        length = (
            lengths[0]
            if len(lengths) == 1
            else case((op(">=", lengths[0], lengths[1]), lengths[0]), (op("<", lengths[0], lengths[1]), lengths[1]))
        )
        return call("list_transform", call("range", length), lambda_("i", build(*sides)))

    return emit


def _pair_type(types: tuple[KqlType, ...]) -> KqlType:
    return _REALS if any(type_ not in (list_of(Scalar.LONG), LONG) for type_ in types) else list_of(Scalar.LONG)


def _pairs(
    name: str, meaning: str, build: Callable[[Sql, Sql], Sql], example: tuple[str, str], *, whole: bool = False
) -> Function:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        type_ = _pair_type(tuple(operand.type for operand in operands)) if whole else _REALS
        return _paired(build, type_.element or Scalar.REAL)(operands)

    returns = _pair_type if whole else _REALS
    shapes = ((DYNAMICS, DYNAMICS), (DYNAMICS, NUMBERS), (NUMBERS, DYNAMICS))
    return Function(
        name,
        f"{meaning} of two series, or of a series and a number.",
        tuple(Signature((param("series1", left), param("series2", right)), returns, emit) for left, right in shapes),
        example=example,
    )


def _comparison(name: str, operator: str, meaning: str, example: str) -> Function:
    emit = _paired(lambda a, b: op(operator, a, b), Scalar.REAL)
    shapes = ((DYNAMICS, DYNAMICS), (DYNAMICS, NUMBERS), (NUMBERS, DYNAMICS))
    return Function(
        name,
        f"Item by item, whether the first series is {meaning} the second.",
        tuple(Signature((param("series1", left), param("series2", right)), _BOOLEANS, emit) for left, right in shapes),
        example=(f"print {name}(dynamic([1, 2, 4]), dynamic([4, 2, 1]))", example),
    )


def _dot(operands: tuple[Operand, ...]) -> Sql:
    return call("list_sum", _paired(lambda a, b: op("*", a, b), Scalar.REAL)(operands))


def _product(operands: tuple[Operand, ...]) -> Sql:
    return call("list_product", reals(operands[0]))


def _sum(operands: tuple[Operand, ...]) -> Sql:
    return call("list_sum", reals(operands[0]))


def _magnitude(operands: tuple[Operand, ...]) -> Sql:
    squares = call("list_transform", reals(operands[0]), lambda_("e", op("*", _ELEMENT, _ELEMENT)))
    return call("sqrt", call("list_sum", squares))


def _series_type(types: tuple[KqlType, ...]) -> KqlType:
    numbers = (Scalar.INT, Scalar.LONG, Scalar.REAL)
    return types[0] if types[0].element in numbers else DYNAMIC


def _fill(macro: str, defaults: tuple[object, ...]) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        series, *rest = operands
        type_ = _series_type((series.type,))
        item = KqlType(type_.element or Scalar.DYNAMIC)
        items = series.sql if type_.is_typed_list else as_list(series, Scalar.DYNAMIC)
        given = [as_type(operand, item) for operand in rest]
        while len(given) < len(defaults):
            default = defaults[len(given)]
            typed = lit(None) if default is None else lit(default)
            given.append(cast(typed, duckdb_type(item)))
        filled = call(macro, items, *given)
        return filled if type_.is_typed_list else call("to_json", filled)

    return emit


def _filling(
    name: str, description: str, macro: str, extra: tuple[str, ...], defaults: tuple[object, ...], example: str
) -> Function:
    parameters = (_SERIES, *(param(each, NUMBERS | DYNAMICS, optional=True) for each in extra))
    arguments = ", 0" if extra[0] == "constant_value" else ""
    return Function(
        name,
        description,
        (Signature(parameters, _series_type, _fill(macro, defaults)),),
        _KEEP,
        example=(f"print {name}(dynamic([1, null, 3]){arguments})", example),
    )


def _fill_linear(operands: tuple[Operand, ...]) -> Sql:
    series, *rest = operands
    missing = as_type(rest[0], REAL) if rest else cast(lit(None), "DOUBLE")
    edges = as_type(rest[1], BOOL) if len(rest) > 1 else lit(True)
    constant = as_type(rest[2], REAL) if len(rest) > 2 else lit(0.0)
    return call("kql_series_fill_linear", reals(series), missing, edges, constant)


_STATISTICS = (
    ("min", REAL),
    ("min_idx", LONG),
    ("max", REAL),
    ("max_idx", LONG),
    ("avg", REAL),
    ("stdev", REAL),
    ("variance", REAL),
)
_LINE = (
    ("rsquare", REAL),
    ("slope", REAL),
    ("variance", REAL),
    ("rvariance", REAL),
    ("interception", REAL),
    ("line_fit", _REALS),
)


def _named(prefix: str, outputs: tuple[tuple[str, KqlType], ...]) -> tuple[tuple[str, KqlType], ...]:
    return tuple((f"{prefix}_{{0}}_{name}", type_) for name, type_ in outputs)


def _stats(function: str) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        ignore = as_type(operands[1], BOOL) if len(operands) > 1 else lit(False)
        return call(function, reals(operands[0]), ignore)

    return emit


def _as_bag(emit: Emit) -> Emit:
    return lambda operands: cast(emit(operands), "JSON")


def _line(function: str) -> Emit:
    return lambda operands: call(function, reals(operands[0]))


_POLYNOMIAL = (
    ("rsquare", REAL),
    ("coefficients", _REALS),
    ("variance", REAL),
    ("rvariance", REAL),
    ("poly_fit", _REALS),
)


def _polynomial(operands: tuple[Operand, ...]) -> Sql:
    x = reals(operands[1]) if len(operands) > 1 else cast(lit(None), "DOUBLE[]")
    degree = cast(operands[2].sql, "BIGINT") if len(operands) > 2 else lit(1)
    return call("kql_series_fit_poly", reals(operands[0]), x, degree)


def _transform(function: str) -> Emit:
    def emit(operands: tuple[Operand, ...]) -> Sql:
        imaginary = reals(operands[1]) if len(operands) > 1 else cast(lit(None), "DOUBLE[]")
        return call(function, reals(operands[0]), imaginary)

    return emit


def _fourier(name: str, direction: str, example: str) -> Function:
    return Function(
        name,
        f"The {direction} Fourier transform of a series of complex numbers, as real and imaginary parts.",
        (Signature((_SERIES, param("series_imaginary", DYNAMICS, optional=True)), DYNAMIC, _transform(f"kql_{name}")),),
        outputs=lambda _: ((f"{name}_{{0}}_real", _REALS), (f"{name}_{{0}}_imag", _REALS)),
        example=(f"print x = dynamic([1, 1]) | extend (re, im) = {name}(x) | project re", example),
    )


_STATS_PARAMETERS = (_SERIES, param("ignore_nonfinite", BOOLS, optional=True))

SERIES: tuple[Function, ...] = (
    simple(
        "series_fir",
        "The series under a finite impulse response filter: weighted sums of a value and the ones before it.",
        (
            _SERIES,
            param("filter", DYNAMICS),
            param("normalize", BOOLS, optional=True),
            param("center", BOOLS, optional=True),
        ),
        _REALS,
        _fir,
        ("print series_fir(dynamic([3, 6, 9]), dynamic([1, 1, 1]))", "[1.0,3.0,6.0]"),
        result_name=_KEEP,
    ),
    simple(
        "series_iir",
        "The series under an infinite impulse response filter, given the coefficients of inputs and of outputs.",
        (_SERIES, param("numerators", DYNAMICS), param("denominators", DYNAMICS)),
        _REALS,
        _iir,
        ("print series_iir(dynamic([1, 2, 3]), dynamic([1]), dynamic([1, -1]))", "[1.0,3.0,6.0]"),
        result_name=_KEEP,
    ),
    Function(
        "series_stats",
        "Extremes with their positions, mean, standard deviation and variance of a series, as columns.",
        (Signature(_STATS_PARAMETERS, DYNAMIC, _stats("kql_series_stats")),),
        outputs=lambda _: _named("series_stats", _STATISTICS),
        example=("print x = dynamic([1, 5, 3]) | project series_stats(x)", "1.0,0,5.0,1,3.0,2.0,4.0"),
    ),
    simple(
        "series_stats_dynamic",
        "Extremes with their positions, mean, standard deviation, variance, sum and length of a series, as a bag.",
        _STATS_PARAMETERS,
        DYNAMIC,
        _as_bag(_stats("kql_series_stats_bag")),
        ("print series_stats_dynamic(dynamic([1, 5, 3])).max", "5.0"),
    ),
    Function(
        "series_fit_line",
        "The straight line of least squares through a series, as columns; positions count from 1.",
        (Signature((_SERIES,), DYNAMIC, _line("kql_series_fit_line")),),
        outputs=lambda _: _named("series_fit_line", _LINE),
        example=("print x = dynamic([1, 3, 5]) | extend series_fit_line(x) | project series_fit_line_x_slope", "2.0"),
    ),
    simple(
        "series_fit_line_dynamic",
        "The straight line of least squares through a series, as a bag; positions count from 1.",
        (_SERIES,),
        DYNAMIC,
        _as_bag(_line("kql_series_fit_line_bag")),
        ("print series_fit_line_dynamic(dynamic([1, 3, 5])).slope", "2.0"),
    ),
    Function(
        "series_fit_poly",
        "The polynomial of least squares through a series, over positions from 1 or over another series, as columns.",
        (
            Signature(
                (_SERIES, param("x_series", DYNAMICS, optional=True), param("degree", WHOLE, optional=True)),
                DYNAMIC,
                _polynomial,
            ),
        ),
        outputs=lambda _: _named("series_fit_poly", _POLYNOMIAL),
        example=(
            "print y = dynamic([1, 4, 9]) | extend series_fit_poly(y, dynamic([1, 2, 3]), 2)"
            " | project array_length(series_fit_poly_y_coefficients)",
            "3",
        ),
    ),
    _fourier("series_fft", "direct", "[2.0,0.0]"),
    _fourier("series_ifft", "inverse", "[1.0,0.0]"),
    _filling(
        "series_fill_forward",
        "The series with the last value before it in place of each missing one.",
        "kql_fill_forward",
        ("missing_value_placeholder",),
        (None,),
        "[1,1,3]",
    ),
    _filling(
        "series_fill_backward",
        "The series with the next value after it in place of each missing one.",
        "kql_fill_backward",
        ("missing_value_placeholder",),
        (None,),
        "[1,3,3]",
    ),
    _filling(
        "series_fill_const",
        "The series with a constant in place of missing values.",
        "kql_fill_const",
        ("constant_value", "missing_value_placeholder"),
        (0, None),
        "[1,0,3]",
    ),
    simple(
        "series_fill_linear",
        "The series with values on the line between the neighbors in place of missing ones.",
        (
            _SERIES,
            param("missing_value_placeholder", NUMBERS | DYNAMICS, optional=True),
            param("fill_edges", BOOLS, optional=True),
            param("constant_value", NUMBERS, optional=True),
        ),
        _REALS,
        _fill_linear,
        ("print series_fill_linear(dynamic([1, null, 3]))", "[1.0,2.0,3.0]"),
        result_name=_KEEP,
    ),
    _pairs(
        "series_add",
        "Sums",
        lambda a, b: op("+", a, b),
        ("print series_add(dynamic([1, 2]), 1)", "[2.0,3.0]"),
        whole=True,
    ),
    _pairs(
        "series_subtract",
        "Differences",
        lambda a, b: op("-", a, b),
        ("print series_subtract(dynamic([1, 2]), dynamic([1, 1]))", "[0.0,1.0]"),
        whole=True,
    ),
    _pairs(
        "series_multiply",
        "Products",
        lambda a, b: op("*", a, b),
        ("print series_multiply(dynamic([1, 2]), 2)", "[2.0,4.0]"),
        whole=True,
    ),
    _pairs(
        "series_divide",
        "Quotients",
        lambda a, b: op("/", a, b),
        ("print series_divide(dynamic([1, 2]), 2)", "[0.5,1.0]"),
    ),
    _pairs(
        "series_pow", "Powers", lambda a, b: call("pow", a, b), ("print series_pow(dynamic([1, 2]), 2)", "[1.0,4.0]")
    ),
    _comparison("series_equals", "=", "equal to", "[false,true,false]"),
    _comparison("series_not_equals", "<>", "different from", "[true,false,true]"),
    _comparison("series_greater", ">", "greater than", "[false,false,true]"),
    _comparison("series_greater_equals", ">=", "greater than or equal to", "[false,true,true]"),
    _comparison("series_less", "<", "less than", "[true,false,false]"),
    _comparison("series_less_equals", "<=", "less than or equal to", "[true,true,false]"),
    _each("series_abs", "The absolute value", _function("abs"), ("print series_abs(dynamic([-1, 2]))", "[1.0,2.0]")),
    _each(
        "series_sign",
        "The sign",
        lambda x: cast(call("sign", x), "DOUBLE"),
        ("print series_sign(dynamic([-6, 0]))", "[-1.0,0.0]"),
    ),
    _each("series_exp", "The exponential", _function("exp"), ("print series_exp(dynamic([0]))", "[1.0]")),
    _each("series_log", "The natural logarithm", _function("ln"), ("print series_log(dynamic([1]))", "[0.0]")),
    _each("series_floor", "The floor", _function("floor"), ("print series_floor(dynamic([1.5]))", "[1.0]")),
    _each("series_ceiling", "The ceiling", _function("ceil"), ("print series_ceiling(dynamic([1.5]))", "[2.0]")),
    _each("series_sin", "The sine", _function("sin"), ("print series_sin(dynamic([0]))", "[0.0]")),
    _each("series_cos", "The cosine", _function("cos"), ("print series_cos(dynamic([0]))", "[1.0]")),
    _each("series_tan", "The tangent", _function("tan"), ("print series_tan(dynamic([0]))", "[0.0]")),
    _each("series_asin", "The arcsine", _function("asin"), ("print series_asin(dynamic([0]))", "[0.0]")),
    _each("series_acos", "The arccosine", _function("acos"), ("print series_acos(dynamic([1]))", "[0.0]")),
    _each("series_atan", "The arctangent", _function("atan"), ("print series_atan(dynamic([0]))", "[0.0]")),
    simple("series_sum", "The sum of the items.", (_SERIES,), REAL, _sum, ("print series_sum(dynamic([1, 2]))", "3.0")),
    simple(
        "series_product",
        "The product of the items.",
        (_SERIES,),
        REAL,
        _product,
        ("print series_product(dynamic([2, 3]))", "6.0"),
    ),
    simple(
        "series_magnitude",
        "The root of the sum of squares.",
        (_SERIES,),
        REAL,
        _magnitude,
        ("print series_magnitude(dynamic([3, 4]))", "5.0"),
    ),
    Function(
        "series_dot_product",
        "The sum of the products of items of equal positions.",
        tuple(
            Signature((param("series1", left), param("series2", right)), REAL, _dot)
            for left, right in ((DYNAMICS, DYNAMICS), (DYNAMICS, NUMBERS), (NUMBERS, DYNAMICS))
        ),
        example=("print series_dot_product(dynamic([1, 2]), dynamic([3, 4]))", "11.0"),
    ),
    simple(
        "series_pearson_correlation",
        "The correlation coefficient of two series of one length.",
        (param("series1", DYNAMICS), param("series2", DYNAMICS)),
        REAL,
        lambda o: call("kql_series_correlation", reals(o[0]), reals(o[1])),
        ("print series_pearson_correlation(dynamic([1, 2, 3]), dynamic([2, 4, 6]))", "1.0"),
    ),
    simple(
        "series_cosine_similarity",
        "The cosine of the angle between two series of one length.",
        (param("series1", DYNAMICS), param("series2", DYNAMICS)),
        REAL,
        lambda o: call("kql_series_cosine", reals(o[0]), reals(o[1])),
        ("print series_cosine_similarity(dynamic([1, 0]), dynamic([0, 1]))", "0.0"),
    ),
)
