"""`make-series`: a grid of bins per group, with arrays as typed lists."""

from dataclasses import replace

from emulator.binder.plan import MakeSeries
from emulator.emit.aggregates import in_order
from emulator.emit.context import Emission
from emulator.emit.expressions import Scope, value
from emulator.emit.names import physical_names
from emulator.emit.relation import Relation
from emulator.emit.scalars import computed
from emulator.functions.physical import convert
from emulator.sql.ast import ColumnRef, Item, JoinRef, Literal, OrderBy, Select, Sql, SubqueryRef, TableRef
from emulator.sql.build import TRUE, and_, call, case, cast, is_not_null, lambda_, lit, op
from emulator.types import KqlType, Scalar, list_of


def make_series(emission: Emission, plan: MakeSeries, rows: Relation) -> Relation:
    """Emit the arrays of every group over one grid of bins."""
    raise NotImplementedError
