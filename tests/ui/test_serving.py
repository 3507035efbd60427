from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ragkit import Config, RagkitError
from ragkit_apps.ui.serving import FIRST_PORT, find_port
from ragkit_apps.ui.state.service import Service


def test_without_streamlit_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['streamlit'] = None; sys.argv = ['ragkit', 'ui']; "
        "from ragkit_apps.cli.main import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert 'pip install "ragkit[ui]"' in run.stderr
    assert "Traceback" not in run.stderr


def test_a_port_that_is_taken_is_an_error_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RagkitError, match=f"port {port}: .*--port"):
            find_port("127.0.0.1", port)


def test_without_a_port_the_first_free_one_is_taken() -> None:
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", FIRST_PORT))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        assert find_port("127.0.0.1", None) > FIRST_PORT


def test_an_address_of_another_machine_is_an_error_with_the_way_out() -> None:
    with pytest.raises(RagkitError, match=r"192\.0\.2\.1.*--host"):
        find_port("192.0.2.1", None)


def test_the_folders_of_the_page_are_set_as_in_path(tmp_path: Path) -> None:
    service = Service(Config(kb=str(tmp_path / "a.kb"), folders=f"{tmp_path}/a:{tmp_path}/b:"))
    assert service.folders == [tmp_path / "a", tmp_path / "b"]
