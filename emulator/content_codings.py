"""Which codings of an answer a client takes (RFC 9110, 12.5.3)."""


def accepted_codings(header: str) -> frozenset[str]:
    """Return the content codings of an `Accept-Encoding` header, without those of weight zero."""
    accepted = set()
    for item in header.split(","):
        coding, _, weight = item.partition(";")
        if weight.replace(" ", "").removeprefix("q=").rstrip("0").rstrip(".") != "" or not weight:
            accepted.add(coding.strip().lower())
    return frozenset(accepted)
