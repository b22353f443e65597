"""Names of what the fixtures make, and a page's text."""

import asyncio
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI

BEFORE, LATEST = "20250101-000000-aaaa", "20250102-000000-bbbb"
TOKEN = "0123456789abcdef0123456789abcdef"


class Page(HTMLParser):
    """What a page says, and where it leads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag in ("script", "style"):
            self._open.append(tag)
        if tag in ("td", "th", "p", "li", "option"):
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open:
            self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())

    @property
    def links(self) -> list[str]:
        """Of everything that is followed or loaded."""
        names = ("href", "src", "action", "data-src", "data-zoom", "data-progress")
        return [attrs[name] for _, attrs in self.tags for name in names if name in attrs]


class Client:
    """Asks an application in this process; keeps cookies, does not follow redirects."""

    def __init__(self, app: FastAPI, base_url: str = "http://127.0.0.1:8642", token: str = "") -> None:
        self._app, self._base_url, self._cookies = app, base_url, httpx.Cookies()
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def request(
        self, method: str, path: str, headers: Mapping[Any, Any] | None = None, **more: Any
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=True)
            client = httpx.AsyncClient(transport=transport, base_url=self._base_url, cookies=self._cookies)
            async with client:
                answer = await client.request(
                    method, path, headers={**self._headers, **(headers or {})}, **more
                )
                self._cookies.update(client.cookies)
                return answer

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)
