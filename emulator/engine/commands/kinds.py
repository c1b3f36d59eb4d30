"""What kind of command one is, in the words of `.show operations` and of a script's answer."""

from emulator.syntax import commands as syntax

_ENTITIES = {
    syntax.EntityKind.CLUSTER: "Cluster",
    syntax.EntityKind.DATABASE: "Database",
    syntax.EntityKind.TABLE: "Table",
    syntax.EntityKind.COLUMN: "Column",
    syntax.EntityKind.FUNCTION: "Function",
    syntax.EntityKind.MATERIALIZED_VIEW: "MaterializedView",
    syntax.EntityKind.EXTERNAL_TABLE: "ExternalTable",
}


def command_kind(command: syntax.Command) -> str:  # noqa: C901 - one line per kind
    """Return the kind of a command, such as `TableCreateMerge` or `FunctionCreateOrAlter`."""
    match command:
        case syntax.PipedCommand(inner):
            return command_kind(inner)
        case syntax.DefineTables(verb, tables):
            return f"{'Table' if len(tables) == 1 else 'Tables'}{_pascal(verb.value)}"
        case syntax.DefineFunction(verb):
            return f"Function{_pascal(verb.value)}"
        case syntax.DefineMaterializedView(verb):
            return f"MaterializedView{_pascal(verb.value)}"
        case syntax.DefineMapping(verb, entity):
            return f"{_ENTITIES[entity.kind]}Mapping{_pascal(verb.value)}"
        case syntax.DropMapping(entity):
            return f"{_ENTITIES[entity.kind]}MappingDrop"
        case syntax.AlterPolicy(entities, policy, _, merge):
            return f"{_ENTITIES[entities[0].kind]}{_pascal(policy)}Policy{'AlterMerge' if merge else 'Alter'}"
        case syntax.DeletePolicy(entity, policy):
            return f"{_ENTITIES[entity.kind]}{_pascal(policy)}PolicyDelete"
        case syntax.DropEntities(kind):
            return f"{_ENTITIES[kind]}Drop"
        case syntax.RenameEntities(kind):
            return f"{_ENTITIES[kind]}Rename"
        case syntax.SetEntityText(entity, field):
            return f"{_ENTITIES[entity.kind]}Alter{_pascal(field)}"
        case syntax.SetColumnDocstrings():
            return "TableAlterColumnDocStrings"
        case syntax.AlterColumnType():
            return "ColumnAlter"
        case syntax.DropColumns():
            return "TableDropColumns"
        case syntax.IngestFromQuery(verb):
            return f"Table{_pascal(verb.value)}"
        case syntax.IngestInline():
            return "DataIngestInline"
        case syntax.ExecuteScript():
            return "DatabaseScriptExecute"
        case syntax.SwitchView(_, enabled):
            return f"MaterializedView{'Enable' if enabled else 'Disable'}"
        case _:
            return type(command).__name__


def _pascal(text: str) -> str:
    return "".join(word.capitalize() for word in text.replace("_", "-").split("-"))
