"""Tests against a running Ollama with whatever models it has; RAGKIT_TEST_OLLAMA is its address."""

from __future__ import annotations

import os

import pytest

from ragkit.llms.ollama import OllamaServer
from ragkit.llms.transport import Timeouts


@pytest.fixture(scope="session")
def real_server() -> OllamaServer:
    host = os.environ.get("RAGKIT_TEST_OLLAMA", "")
    if not host:
        pytest.skip("no real Ollama: set RAGKIT_TEST_OLLAMA to the address of one")
    return OllamaServer(host, Timeouts(short=60))
