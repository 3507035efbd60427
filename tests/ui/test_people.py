from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ragkit_apps.ui.state.people import COOKIE, VisitorMiddleware, identify_browser

SECRET = "x" * 43


def headers_of(cookie: str = "", scheme: str = "http", accept: str = "text/html") -> dict[str, str]:
    """What is added to the answer to a request."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    asked = [(b"accept", accept.encode()), (b"cookie", cookie.encode())]
    scope = {"type": "http", "path": "/", "headers": asked, "scheme": scheme}
    asyncio.run(VisitorMiddleware(app)(scope, None, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def secret_of(headers: dict[str, str]) -> str:
    return headers["set-cookie"].partition("=")[2].partition(";")[0]


def connected(origin: str, host: str, *names: str) -> str | None:
    """The origin that Streamlit is told of a connection; None if it is refused."""
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(dict(scope["headers"]).get(b"origin", b"").decode())

    async def send(message: Any) -> None:
        assert message == {"type": "websocket.close", "code": 1008}

    headers = [(b"host", host.encode())]
    if origin:
        headers.append((b"origin", origin.encode()))
    asyncio.run(
        VisitorMiddleware(app, names)({"type": "websocket", "headers": headers}, None, send)
    )
    return told[0] if told else None


def test_a_new_browser_gets_a_cookie_that_no_script_can_read() -> None:
    headers = headers_of()
    assert identify_browser(f"{COOKIE}={secret_of(headers)}") is not None
    assert {"HttpOnly", "SameSite=Lax"} <= set(headers["set-cookie"].split("; "))
    assert "Secure" not in headers["set-cookie"]
    assert "Secure" in headers_of(scheme="https")["set-cookie"]


def test_each_browser_gets_another_one() -> None:
    assert secret_of(headers_of()) != secret_of(headers_of())


@pytest.mark.parametrize(
    "others", ["", "a=b; ", 'prefs={"theme":"dark"}; ', "a[b]=1; ", "x=ü; ", f"not_{COOKIE}=1; "]
)
def test_a_known_browser_keeps_its_cookie_whatever_others_have_set(others: str) -> None:
    assert secret_of(headers_of(f"{others}{COOKIE}={SECRET}; z=1")) == SECRET


def test_pictures_and_scripts_set_none() -> None:
    assert "set-cookie" not in headers_of(accept="image/png")


def test_the_browser_may_load_from_here_alone() -> None:
    policy = headers_of()["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy


@pytest.mark.parametrize(
    "cookie", ["", f"{COOKIE}=", f"{COOKIE}=short", f"{COOKIE}={'ü' * 43}", f"x{COOKIE}={SECRET}"]
)
def test_what_is_no_secret_of_ours_is_nobody(cookie: str) -> None:
    assert identify_browser(cookie) is None


def test_the_base_is_told_no_secret() -> None:
    found = identify_browser(f"{COOKIE}={SECRET}")
    assert found is not None
    assert SECRET not in found


def test_a_page_of_another_site_cannot_connect() -> None:
    assert connected("http://evil.example", "127.0.0.1:8501") is None
    assert connected("http://127.0.0.1:9000", "127.0.0.1:8501") is None
    assert connected("null", "127.0.0.1:8501") is None


def test_the_page_itself_connects_by_whatever_name_it_was_called() -> None:
    for host in ("127.0.0.1:8501", "10.0.0.5:8501", "[::1]:8501", "rag.example"):
        assert connected(f"http://{host}", host) == f"http://{host}"


def test_behind_a_proxy_the_page_connects_by_the_names_it_was_given() -> None:
    host = "127.0.0.1:8501"
    assert connected("https://rag.example", host) is None
    assert connected("https://rag.example", host, "rag.example") == f"https://{host}"
    assert connected("https://evil.example", host, "rag.example") is None


def test_what_is_no_browser_has_no_origin_and_connects() -> None:
    assert connected("", "127.0.0.1:8501") == ""
