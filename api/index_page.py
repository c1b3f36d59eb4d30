"""The page at `/`: which routes there are, with an example of each to click."""

from html import escape
from urllib.parse import quote, urlencode

from kql.registry import Endpoint, Registry

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 3rem auto; padding: 0 1rem; color: #1a1d21 }}
code {{ font-family: ui-monospace, monospace; font-size: .9em }}
td {{ padding: .35rem 1rem .35rem 0; vertical-align: top; border-top: 1px solid #e3e6ea }}
a {{ color: #0b5cad; text-decoration: none }} a:hover {{ text-decoration: underline }}
</style></head><body>
<h1>{title}</h1>
<p>{summary}
<a href="/docs">Documentation</a> · <a href="/openapi.json">OpenAPI</a></p>
<table>{rows}</table>
</body></html>
"""


def landing_page(registry: Registry) -> bytes:
    """Render the page."""
    rows = "".join(
        f'<tr><td><a href="{escape(example_url(endpoint))}"><code>{escape(endpoint.route)}</code></a></td>'
        f"<td>{escape(endpoint.contract.docstring)}</td></tr>"
        for endpoint in registry.endpoints
    )
    texts = registry.texts
    return _PAGE.format(title=escape(texts.title), summary=escape(texts.summary), rows=rows).encode()


def example_url(endpoint: Endpoint) -> str:
    """Return a URL that works as it stands: required parameters take their examples."""
    path, query = endpoint.route, {}
    for parameter in endpoint.parameters:
        value = "" if parameter.example is None else str(parameter.example)
        if parameter.location == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value))
        elif parameter.is_required:
            query[parameter.name] = value
    return f"{path}?{urlencode(query)}" if query else path
