"""Commands that define functions."""

from dataclasses import dataclass

from emulator.syntax.commands.parts import DefineVerb, Properties
from emulator.syntax.expressions import Name
from emulator.syntax.statements import FunctionLiteral
from emulator.text import Span


@dataclass(frozen=True, slots=True)
class DefineFunction:
    """`.create function`, `.create-or-alter function`, `.alter function`.

    `parameters_text` is `(x: long = 1)` and `body_text` is `{ … }`, both as written;
    `parser.parse_function_declaration` reads them again with spans of their own.
    """

    verb: DefineVerb
    if_not_exists: bool
    name: Name
    parameters_text: str
    body_text: str
    literal: FunctionLiteral
    properties: Properties
    span: Span
