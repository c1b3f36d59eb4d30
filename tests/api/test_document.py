"""The documentation page works on a machine without internet."""

import re

import httpx
import pytest


@pytest.mark.slow
async def test_the_documentation_page_needs_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page.text)
    for asset in re.findall(r"""(?:src|href)=["'](/[^"']+)["']""", page.text):
        assert (await http.get(asset)).status_code == 200, asset
