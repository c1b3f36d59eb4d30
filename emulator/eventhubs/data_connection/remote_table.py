"""The table of an embedded Eventhouse in another process, over its Kusto wire, with the marks that only it keeps."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

import httpx

from emulator.engine.writing.mark_header import MARKS_HEADER, MARKS_PATH, write_marks
from emulator.engine.writing.marks import StaleMark, Stretch
from emulator.errors import EngineFault, KustoError, NetworkFault, ThrottledFault, UnsupportedFault

# An Eventhouse that stands still for longer is asked again; what it may still do then, the mark decides.
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_STALE = "TH_StaleMark"


class RemoteTable:
    """Stores over HTTP; safe to share between threads."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Proxies of the environment are for the world, an embedded Eventhouse is near.
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT, headers=headers, trust_env=False)

    def ingest(
        self,
        table: str,
        data: bytes,
        *,
        format: str,
        mapping: str | None = None,
        database: str | None = None,
        marks: Mapping[str, Stretch] | None = None,
    ) -> int:
        """Store rows and marks in one transaction by streaming ingestion, and return the rows.

        Raises StaleMark, and EngineFault where nobody knows whether they are stored.
        """
        answer = self._ask(
            "POST",
            f"/v1/rest/ingest/{quote(database or 'NetDefaultDB', safe='')}/{quote(table, safe='')}",
            parameters={"streamFormat": format} | ({"mappingName": mapping} if mapping else {}),
            content=data,
            headers={MARKS_HEADER: write_marks(marks)} if marks else {},
        )
        try:
            return int(answer["Tables"][0]["Rows"][0][0])  # type: ignore[index]  # whatever it is, it fails as one
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise EngineFault(f"the Eventhouse at {self.url} does not say what it stored", "TH_SERVICE") from error

    def mark(self, name: str) -> int | None:
        """Return a mark. Raises UnsupportedFault where the Eventhouse keeps none."""
        position = self._ask("GET", MARKS_PATH, parameters={"name": name}).get("position")
        if position is not None and not isinstance(position, int):
            raise EngineFault(f"the Eventhouse at {self.url} tells a mark that is none: {position!r}", "TH_SERVICE")
        return position

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str],
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        try:
            answer = self._http.request(method, path, params=parameters, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise NetworkFault(f"the Eventhouse at {self.url} does not answer in time", "TH_NETWORK") from error
        except httpx.HTTPError as error:
            raise NetworkFault(f"no connection to the Eventhouse at {self.url}: {error}", "TH_NETWORK") from error
        document = _document(answer)
        if answer.status_code != HTTPStatus.OK or document is None:
            raise self._fault(answer.status_code, document, path)
        return document

    def _fault(self, status: int, document: dict[str, object] | None, path: str) -> KustoError:
        if path == MARKS_PATH and status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            return UnsupportedFault(
                f"the Eventhouse at {self.url} keeps no marks: it is not an embedded one",
                "TH_NoMarks",
                hint="in Azure, Eventstream or a data connection of Azure Data Explorer does this work",
            )
        error = (document or {}).get("error")
        inner = error.get("innererror") if isinstance(error, dict) else None
        if isinstance(inner, dict):
            fault = KustoError if inner.get("@permanent") else EngineFault
            if inner.get("code") == _STALE:
                fault = StaleMark
            return fault(str(inner.get("message")), str(inner.get("code")))
        match status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return KustoError(f"the Eventhouse at {self.url} refuses access", "TH_AUTHENTICATION")
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return ThrottledFault(f"the Eventhouse at {self.url} is busy", "TH_THROTTLED")
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return KustoError(f"the Eventhouse at {self.url} takes no request as large", "TH_TOO_LARGE")
            case _:
                return EngineFault(f"the Eventhouse at {self.url} answers with status {status}", "TH_SERVICE")


def _document(answer: httpx.Response) -> dict[str, object] | None:
    try:
        document = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return document if isinstance(document, dict) else None
