"""What `render` asks for, as Kusto's Visualization property says it."""

from emulator.syntax.expressions import DynamicLiteral, Literal, Name
from emulator.syntax.operators import Render

_PROPERTY_NAMES = {
    "title": "Title",
    "xcolumn": "XColumn",
    "series": "Series",
    "ycolumns": "YColumns",
    "anomalycolumns": "AnomalyColumns",
    "xtitle": "XTitle",
    "ytitle": "YTitle",
    "xaxis": "XAxis",
    "yaxis": "YAxis",
    "legend": "Legend",
    "ysplit": "YSplit",
    "accumulate": "Accumulate",
    "kind": "Kind",
    "ymin": "Ymin",
    "ymax": "Ymax",
    "xmin": "Xmin",
    "xmax": "Xmax",
}


def visualization(operator: Render) -> dict[str, object]:
    """Return what `render` asks for, in the words of Kusto's Visualization property."""
    properties: dict[str, object] = {"Visualization": operator.kind}
    for name, value in operator.properties:
        match value:
            case tuple():
                properties[_PROPERTY_NAMES.get(name, name)] = [each.text for each in value]
            case Name(text=text):
                properties[_PROPERTY_NAMES.get(name, name)] = text
            case Literal(value=content):
                properties[_PROPERTY_NAMES.get(name, name)] = content
            case DynamicLiteral(text=text):
                properties[_PROPERTY_NAMES.get(name, name)] = text
    return properties
