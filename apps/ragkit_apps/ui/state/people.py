"""The visitors of the page: a secret in the browser's cookie identifies each browser."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

COOKIE = "ragkit_person"
_YEAR = 365 * 24 * 3600  # seconds
# 32 random bytes. Searched in the raw header: other programs on this machine may have set cookies
# that a parser rejects.
_SECRET = re.compile(rf"(?:^|;\s*){COOKIE}=([A-Za-z0-9_-]{{43}})(?=;|$)")
_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def identify_browser(cookies: str) -> str | None:
    """Return the principal's name of a browser by its Cookie header; None without the cookie.

    The name contains a digest of the secret: users who can read the knowledge base cannot act as
    another visitor.
    """
    found = _SECRET.search(cookies)
    return f"page:{hashlib.sha256(found[1].encode()).hexdigest()[:24]}" if found else None


class VisitorMiddleware:
    """ASGI middleware in front of Streamlit that sets cookies and headers and checks origins.

    Each browser gets a cookie that identifies it, and a policy to load content from this server
    only. Pages of other sites cannot connect: the origin must be the requested host or one of
    `names`. (Streamlit would ask the network for this machine's address to decide that.)
    """

    def __init__(self, app: Any, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._check_origin(scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, _add_headers(scope, send))
        else:
            await self._app(scope, receive, send)

    async def _check_origin(self, scope: Any, receive: Any, send: Any) -> None:
        headers = _join_headers(scope)
        origin, host = headers.get("origin", ""), headers.get("host", "")
        called = urlsplit(origin)
        if origin and called.netloc != host and called.hostname not in self._names:
            await send({"type": "websocket.close", "code": 1008})
            return
        if origin:  # replace it by the own address, for which Streamlit looks nothing up
            others = [pair for pair in scope["headers"] if pair[0] != b"origin"]
            own = f"{called.scheme}://{host}".encode()
            scope = {**scope, "headers": [*others, (b"origin", own)]}
        await self._app(scope, receive, send)


def _add_headers(scope: Any, send: Any) -> Any:
    """Return a `send` that adds the headers, and the cookie to the answer for a page."""
    headers = _join_headers(scope)
    added = dict(_HEADERS)
    if "text/html" in headers.get("accept", ""):  # also for a page that the browser has cached
        found = _SECRET.search(headers.get("cookie", ""))
        secret = found[1] if found else secrets.token_urlsafe(32)
        secure = "; Secure" if scope["scheme"] == "https" else ""
        added["set-cookie"] = (
            f"{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={_YEAR}{secure}"
        )
    pairs = [(name.encode(), value.encode()) for name, value in added.items()]

    async def send_with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *pairs]}
        await send(message)

    return send_with_headers


def _join_headers(scope: Any) -> dict[str, str]:
    """Return headers by name; the values of a repeated name are joined, as for cookies."""
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    found: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found
