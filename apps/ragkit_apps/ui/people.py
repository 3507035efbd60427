"""Who is at the page: a secret in the browser's cookie tells people apart."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

COOKIE = "ragkit_person"
_YEAR = 365 * 24 * 3600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 random bytes
_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' data: blob:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)


def person(cookies: Mapping[str, str]) -> str | None:
    """The name that a browser's conversations are kept under; None without a cookie.

    The base holds a digest: who can read it cannot take somebody's place at the page.
    """
    secret = cookies.get(COOKIE, "")
    if not _SECRET.fullmatch(secret):
        return None
    return f"page:{hashlib.sha256(secret.encode()).hexdigest()[:24]}"


class Headers:
    """ASGI middleware: gives each browser its cookie, and tells it to load from here alone.

    The policy is the browser's own guard against whatever might want to leave the machine.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = person(_cookies(scope["headers"])) is not None
        secure = "; Secure" if scope["scheme"] == "https" else ""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = {
                    "content-security-policy": _CSP,
                    "referrer-policy": "no-referrer",
                    "x-content-type-options": "nosniff",
                }
                if not known and _is_page(message["headers"]):
                    added["set-cookie"] = (
                        f"{COOKIE}={secrets.token_urlsafe(32)}; Path=/; HttpOnly; SameSite=Lax; "
                        f"Max-Age={_YEAR}{secure}"
                    )
                pairs = [(name.encode(), value.encode()) for name, value in added.items()]
                message = {**message, "headers": [*message["headers"], *pairs]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _is_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    kinds = (value for name, value in headers if name.lower() == b"content-type")
    return next(kinds, b"").startswith(b"text/html")


def _cookies(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    for name, value in headers:
        if name == b"cookie":
            try:
                jar.load(value.decode("latin-1"))
            except CookieError:
                return {}
    return {name: morsel.value for name, morsel in jar.items()}
