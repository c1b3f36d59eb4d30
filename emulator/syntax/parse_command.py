"""The entry point for management commands: a verb and a noun choose the rule."""

from collections.abc import Callable
from difflib import get_close_matches

from emulator.errors import SyntaxFault
from emulator.syntax.commands import Command, PipedCommand, SimpleCommand
from emulator.syntax.cursor import Cursor
from emulator.syntax.lexer import scan_from
from emulator.syntax.parse_commands import cancel, databases, functions, ingest, show, tables, views
from emulator.syntax.parse_commands.parts import Head, take_hyphenated, take_if_not_exists, take_words
from emulator.syntax.parse_pipelines import QueryGrammar
from emulator.syntax.parse_statements import unexpected
from emulator.syntax.parser import MAX_QUERY_TEXT, too_long
from emulator.syntax.tokens import Token, TokenKind

_Rule = Callable[[Cursor, Head], SimpleCommand]

_GRAMMAR = QueryGrammar()

_NOUNS: dict[str, dict[str, _Rule]] = {
    "create": {
        "table": tables.define_table,
        "tables": tables.define_tables,
        "function": functions.define_function,
        "materialized-view": views.define_view,
        "database": databases.create_database,
    },
    "create-merge": {"table": tables.define_table, "tables": tables.define_tables},
    "create-or-alter": {
        "table": tables.define_table,
        "function": functions.define_function,
        "materialized-view": views.define_view,
        "database": databases.create_database,
    },
    "alter": {
        "table": tables.alter_table,
        "tables": tables.alter_tables,
        "column": tables.alter_column,
        "function": functions.define_function,
        "materialized-view": views.define_view,
        "database": databases.alter_database,
        "cluster": databases.alter_cluster,
    },
    "alter-merge": {
        "table": tables.alter_table,
        "tables": tables.alter_tables,
        "materialized-view": views.define_view,
        "database": databases.alter_database,
        "cluster": databases.alter_cluster,
    },
    "drop": {
        "table": tables.drop_table,
        "tables": tables.drop_tables,
        "column": tables.drop_column,
        "function": functions.drop_function,
        "functions": functions.drop_functions,
        "materialized-view": views.drop_view,
        "materialized-views": views.drop_views,
        "database": databases.drop_database,
    },
    "rename": {
        "table": tables.rename_table,
        "tables": tables.rename_tables,
        "column": tables.rename_column,
        "columns": tables.rename_columns,
        "materialized-view": views.rename_view,
    },
    "clear": {
        "table": tables.clear_table,
        "database": tables.clear_database,
        "materialized-view": views.clear_view,
    },
    "delete": {
        "table": tables.delete_from_table,
        "database": databases.delete_from_database,
        "materialized-view": views.delete_from_view,
        "cluster": databases.delete_from_cluster,
    },
    "cancel": {"query": cancel.cancel_query, "operation": cancel.cancel_operation},
    "enable": {"materialized-view": views.switch_view},
    "disable": {"materialized-view": views.switch_view},
    "show": show.SHOWS,
}
_VERBS: dict[str, _Rule] = {
    "ingest": ingest.parse_ingest,
    "set": ingest.parse_set_or_append,
    "append": ingest.parse_set_or_append,
    "set-or-append": ingest.parse_set_or_append,
    "set-or-replace": ingest.parse_set_or_append,
    "execute": databases.execute_script,
    "refresh": databases.refresh_cache,
    "get": databases.get_resources,
}
# Known by name alone: verbs that have nothing built, and nouns under verbs that have.
_UNBUILT_VERBS = frozenset(
    {
        "add",
        "attach",
        "detach",
        "dup-next-failed-ingest",
        "dup-next-ingest",
        "export",
        "merge",
        "move",
        "purge",
        "replace",
        "save",
        "suspend",
        "resume",
        "undo",
    }
)
VERBS = frozenset({*_NOUNS, *_VERBS, *_UNBUILT_VERBS})
_UNBUILT_NOUNS = (
    "continuous-export",
    "continuous-exports",
    "entity_group",
    "entity_groups",
    "extent",
    "extents",
    "external",
    "graph_model",
    "graph_models",
    "graph_snapshot",
    "graph_snapshots",
    "plugin",
    "principal",
    "role",
    "row_level_security",
    "schema",
    "stored_query_result",
    "stored_query_results",
    "workload_group",
    "workload_groups",
)


_WITH_DATA = ("ingest", "execute")


def parse_command(text: str) -> Command:
    """Parse one management command; raises SyntaxFault with the first fault in it.

    Data after `.ingest inline … <|` is kept as written and never read as KQL.
    """
    cursor = Cursor(text, _GRAMMAR, _tokens(text))
    start = cursor.token.start
    cursor.expect(".", hint="a management command begins with a dot, for example `.show tables`")
    command = _simple_command(cursor, start)
    piped: Command = command
    if cursor.take("|"):
        piped = PipedCommand(command, _GRAMMAR.operators(cursor), cursor.span_from(start))
    while cursor.take(";"):
        pass
    if not cursor.at_end():
        raise unexpected(cursor)
    return piped


def _tokens(text: str) -> list[Token]:
    """Scan a command, but not the data or the script that follows `<|` of `.ingest` and `.execute`.

    What is read as KQL, the query of a command among it, has no more characters than a query may have.
    """
    tokens: list[Token] = []
    for token in scan_from(text, 0):
        tokens.append(token)
        # The verb tells whether something follows that is not read here.
        if len(tokens) > 1 and (len(text) if tokens[1].text not in _WITH_DATA else token.end) > MAX_QUERY_TEXT:
            raise too_long(len(text), "command")
        if token.text == "<|" and tokens[1].text in _WITH_DATA:
            tokens.append(Token(TokenKind.END, "", token.end, token.end))
            break
    return tokens


def _simple_command(cursor: Cursor, start: int) -> SimpleCommand:
    token = cursor.token
    verb = cursor.hyphenated_word()
    if verb not in VERBS:
        raise _unknown(cursor, f".{verb}", sorted((*_NOUNS, *_VERBS)))
    cursor.skip_to(token.start + len(verb))
    is_async = if_not_exists = False
    if verb != "show":
        is_async = cursor.take("async")
        if_not_exists = take_if_not_exists(cursor)
        is_async = is_async or cursor.take("async")
    head = Head(start, verb, is_async, if_not_exists)
    if verb in _VERBS:
        return _VERBS[verb](cursor, head)
    if verb in _UNBUILT_VERBS:
        return databases.unbuilt(cursor, head)
    return _by_noun(cursor, head, _NOUNS[verb])


def _by_noun(cursor: Cursor, head: Head, rules: dict[str, _Rule]) -> SimpleCommand:
    if head.verb == "show" and take_words(cursor, "external", "table"):
        return show.show_external_table(cursor, head)
    noun = take_hyphenated(cursor, *rules)
    if noun:
        return rules[noun](cursor, head)
    if head.verb == "show" and (topic := show.show_topic(cursor, head)) is not None:
        return topic
    unbuilt = take_hyphenated(cursor, *_UNBUILT_NOUNS)
    if unbuilt:
        return databases.unbuilt(cursor, head, unbuilt)
    known = [*rules, *(show.TOPICS if head.verb == "show" else ())]
    raise _unknown(cursor, f".{head.verb} {cursor.hyphenated_word()}", known)


def _unknown(cursor: Cursor, command: str, known: list[str]) -> SyntaxFault:
    word = cursor.hyphenated_word()
    prefix, _, _ = command.rpartition(word) if word else (command, "", "")
    close = get_close_matches(word, known, cutoff=0.7)
    if close:
        hint = f"did you mean '{prefix}{close[0]}'?"
    else:
        hint = f"the commands are {', '.join(f'{prefix}{name}' for name in known)}"
    return cursor.fault("", problem=f"'{command.strip()}' is not a known command", hint=hint)
