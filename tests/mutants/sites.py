"""Where a module can be changed, and into what: a comparison turned, a condition negated, a return emptied, …

Left out is what has no right value or no behaviour: docstrings, annotations, the numbers that tune a module (constants
in capitals at its top), what only a type checker reads, texts, and `strict=` of zip, which says that lengths never
differ.
"""

import ast
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """One change: the characters `[start, end)` of the module's text become `after`."""

    line: int
    start: int
    end: int
    before: str
    after: str

    def applied(self, text: str) -> str:
        """Return the module's text with the change."""
        return text[: self.start] + self.after + text[self.end :]


def sites(text: str) -> list[Site]:
    """Return every change of a module, in the order of the text; a few do not compile."""
    found = _Finder(text)
    found.visit(ast.parse(text))
    return sorted(found.sites, key=lambda site: (site.start, site.end))


def compiles(site: Site, text: str) -> bool:
    """Whether a module is still Python with a change; it takes milliseconds, too long to ask of all."""
    try:
        compile(site.applied(text), "<mutant>", "exec")
    except SyntaxError:
        return False
    return True


class _Finder(ast.NodeVisitor):
    def __init__(self, text: str) -> None:
        self.sites: list[Site] = []
        self._text = text
        lines = text.splitlines(keepends=True)
        # The columns of the tree count bytes.
        self._lines = [line.encode() for line in lines]
        self._offsets = [0]
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line))
        self._depth = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Leave decorators alone: whether a dataclass has slots is no behaviour."""
        for statement in node.body:
            self.visit(statement)

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self._negate(node.test)
            self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and not (self._depth == 0 and self._is_knob(node.target)):
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not (self._depth == 0 and all(self._is_knob(target) for target in node.targets)):
            self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not isinstance(node.value, ast.Constant):
            self._add(node.value, "None")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            self._between(node.left, node.comparators[0], *_COMPARISONS[type(node.ops[0])])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        before, after = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        self._between(node.values[0], node.values[1], before, after)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        is_text = any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right))
        if type(node.op) in _ARITHMETIC and not is_text:
            self._between(node.left, node.right, *_ARITHMETIC[type(node.op)])
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._add(node, ast.get_source_segment(self._text, node.operand) or "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        match node.value:
            case True | False:
                self._add(node, str(not node.value))
            case int():
                self._add(node, str(node.value + 1))

    def visit_Call(self, node: ast.Call) -> None:
        self.visit(node.func)
        is_zip = isinstance(node.func, ast.Name) and node.func.id == "zip"
        for argument in (*node.args, *(each.value for each in node.keywords if not (is_zip and each.arg == "strict"))):
            self.visit(argument)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Leave texts alone: what they print is compared where it matters, and cut into by no number."""

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._depth += 1
        for default in (*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)):
            self.visit(default)
        for statement in node.body:
            self.visit(statement)
        self._depth -= 1

    def _is_knob(self, target: ast.expr) -> bool:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        return all(isinstance(name, ast.Name) and name.id.isupper() for name in names)

    def _negate(self, test: ast.expr) -> None:
        segment = ast.get_source_segment(self._text, test)
        is_negated_otherwise = isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp)
        if segment is not None and not is_negated_otherwise:
            self._add(test, f"(not ({segment}))")

    def _between(self, left: ast.expr, right: ast.expr, before: str, after: str) -> None:
        start, end = self._end(left), self._start(right)
        gap = self._text[start:end]
        at = gap.find(before)
        if at >= 0 and gap.count(before) == 1:
            self.sites.append(Site(left.end_lineno or left.lineno, start + at, start + at + len(before), before, after))

    def _add(self, node: ast.expr, after: str) -> None:
        start, end = self._start(node), self._end(node)
        self.sites.append(Site(node.lineno, start, end, self._text[start:end], after))

    def _start(self, node: ast.expr) -> int:
        return self._place(node.lineno, node.col_offset)

    def _end(self, node: ast.expr) -> int:
        return self._place(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)

    def _place(self, line: int, column: int) -> int:
        return self._offsets[line - 1] + len(self._lines[line - 1][:column].decode())


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
