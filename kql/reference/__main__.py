"""Writes the rendered files beside the reference file: `python -m kql.reference`."""

import sys

from kql.errors import DefinitionError
from kql.reference.companies import load_companies
from kql.reference.document import REFERENCE_FOLDER
from kql.reference.market import load_market
from kql.reference.render import rendered_files


def main() -> None:
    """Render every file anew; a mistake in the reference file changes none of them."""
    try:
        files = rendered_files(load_companies(), load_market())
    except DefinitionError as error:
        sys.exit(f"error: {error}")
    for name, text in files.items():
        (REFERENCE_FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
