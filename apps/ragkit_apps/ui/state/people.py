"""Who is at the page: a secret in the browser's cookie tells people apart."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

COOKIE = "ragkit_person"
_YEAR = 365 * 24 * 3600
# 32 random bytes. Found in the header as it is: other programs on this machine may have set cookies
# of any kind, also such as no parser takes.
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


def person(cookies: str) -> str | None:
    """The name that a browser's conversations are kept under, from its Cookie header.

    None without our cookie. The base holds a digest: who can read it cannot take somebody's place
    at the page.
    """
    found = _SECRET.search(cookies)
    return f"page:{hashlib.sha256(found[1].encode()).hexdigest()[:24]}" if found else None


class Gate:
    """ASGI middleware before Streamlit: cookies, headers, and no connection for other sites.

    Each browser gets a cookie that tells it apart and is told to load from here alone. A page
    elsewhere cannot connect: the origin must be the host that was called, or one of `names`.
    Streamlit would ask the network for this machine's address to decide that.
    """

    def __init__(self, app: Any, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, _answering(scope, send))
        else:
            await self._app(scope, receive, send)

    async def _connect(self, scope: Any, receive: Any, send: Any) -> None:
        headers = _headers(scope)
        origin, host = headers.get("origin", ""), headers.get("host", "")
        called = urlsplit(origin)
        if origin and called.netloc != host and called.hostname not in self._names:
            await send({"type": "websocket.close", "code": 1008})
            return
        if origin:  # to Streamlit it is its own, so that it has nothing to look up
            others = [pair for pair in scope["headers"] if pair[0] != b"origin"]
            own = f"{called.scheme}://{host}".encode()
            scope = {**scope, "headers": [*others, (b"origin", own)]}
        await self._app(scope, receive, send)


def _answering(scope: Any, send: Any) -> Any:
    """Sends what is sent, with our headers, and with the cookie where a page is opened."""
    headers = _headers(scope)
    added = dict(_HEADERS)
    if "text/html" in headers.get("accept", ""):  # also where the browser has the page already
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


def _headers(scope: Any) -> dict[str, str]:
    """Headers by name; a name that comes twice has its values joined, as cookies may."""
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    found: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found
