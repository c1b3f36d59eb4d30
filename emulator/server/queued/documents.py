"""XML as clients send it: elements alone, no document type, which is how XML grows without end or reads other files."""

from xml.etree import ElementTree


class NotReadable(Exception):
    """The document is not XML, or declares a type; the message says which, without its subject."""


class _Elements(ElementTree.TreeBuilder):
    # The parser itself says where a type begins, in whatever encoding; looking for its letters misses UTF-16.
    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise NotReadable("may not declare a document type")


def read_document(body: bytes) -> ElementTree.Element:
    """Return the root element; raise NotReadable."""
    parser = ElementTree.XMLParser(target=_Elements())  # noqa: S314 - no types, so no entities
    try:
        parser.feed(body)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise NotReadable(f"is not XML: {error}") from error
    return root
