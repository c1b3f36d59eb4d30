"""JSON that people write into management commands: mappings and policies.

The service reads it with a reader that forgives a comma after the last element, and scripts rely on that.
"""

import json
import re

# A string, which stays as it is, or a comma that only white space parts from the closing bracket.
_STRING_OR_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', re.DOTALL)


def read_user_json(text: str) -> object:
    """Return the value of a JSON text in which trailing commas are allowed; raise ValueError with the place."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_STRING_OR_TRAILING_COMMA.sub(lambda match: match[1] or " ", text))
