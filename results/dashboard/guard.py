"""Who may ask, and what every answer says to browsers."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "kxbench_token"
OPEN_PATHS = ("/login", "/assets/", "/healthz")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)  # plotly.js sets styles of elements; nothing may be loaded from elsewhere
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class Access:
    """``token`` opens everything, and is needed for uploads; with ``everywhere`` False one may read without.
    ``local`` is whether the server listens on loopback alone: then it answers to loopback's names only, so
    that a page elsewhere cannot reach it through a name of its own (DNS rebinding)."""

    token: str = ""
    everywhere: bool = False
    local: bool = True
    uploads: bool = False
    most_bytes: int = 256 * 2**20

    def holds(self, given: str) -> bool:
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def given_token(headers: Mapping[str, str]) -> str:
    """Of ``Authorization: Bearer``, or the cookie that the login page sets."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


class Guard:
    """Around the application: refuses strangers, and adds the headers that keep pages to themselves."""

    def __init__(self, app: App, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope["path"], headers)
        if refusal is None:
            await self._app(scope, receive, dressed)
            return
        status, text, more = refusal
        api = scope["path"].startswith("/api/")
        if status == 401 and not api and scope["method"] in ("GET", "HEAD"):
            status, more = 303, [(b"location", b"/login")]
        body = b'{"error":{"what":"' + text.encode() + b'","remedy":""}}' if api else text.encode() + b"\n"
        kind = b"application/json" if api else b"text/plain; charset=utf-8"
        start = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
        await dressed({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _refusal(
        self, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, list[tuple[bytes, bytes]]] | None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if self._access.local and name.lower() not in _LOCAL_NAMES:
            return 421, "this server answers to loopback names alone", []
        open_path = any(path == p or (p.endswith("/") and path.startswith(p)) for p in OPEN_PATHS)
        if self._access.everywhere and not open_path and not self._access.holds(given_token(headers)):
            return 401, "a token is needed", [(b"www-authenticate", b"Bearer")]
        return None
