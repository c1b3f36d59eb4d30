"""Which version of this application runs."""

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """Return the installed version; `0` in a tree that is not installed."""
    try:
        return version("tickhouse")
    except PackageNotFoundError:
        return "0"
