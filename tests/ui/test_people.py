from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ragkit_apps.ui.people import COOKIE, Headers, person

SECRET = "x" * 43


def headers_of(kind: str = "text/html", cookie: str = "", scheme: str = "http") -> dict[str, str]:
    """What the middleware adds to a response of this kind."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def send(message: Any) -> None:
        sent.append(message)

    asked = [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": "http", "path": "/", "headers": asked, "scheme": scheme}
    asyncio.run(Headers(app)(scope, None, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def test_a_new_browser_gets_a_cookie_that_no_script_can_read() -> None:
    cookie = headers_of()["set-cookie"]
    name, _, rest = cookie.partition("=")
    secret = rest.partition(";")[0]
    assert name == COOKIE
    assert person({COOKIE: secret}) is not None
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Secure" in headers_of(scheme="https")["set-cookie"]


def test_each_browser_gets_another_one() -> None:
    assert headers_of()["set-cookie"] != headers_of()["set-cookie"]


def test_a_known_browser_keeps_its_cookie() -> None:
    assert "set-cookie" not in headers_of(cookie=f"a=b; {COOKIE}={SECRET}")


def test_pictures_and_scripts_set_none() -> None:
    assert "set-cookie" not in headers_of("image/png")


def test_the_browser_may_load_from_here_alone() -> None:
    policy = headers_of()["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy


@pytest.mark.parametrize("cookie", [{}, {COOKIE: ""}, {COOKIE: "short"}, {COOKIE: "ü" * 43}])
def test_what_is_no_secret_of_ours_is_nobody(cookie: dict[str, str]) -> None:
    assert person(cookie) is None


def test_the_base_is_told_no_secret() -> None:
    found = person({COOKIE: SECRET})
    assert found is not None
    assert SECRET not in found
