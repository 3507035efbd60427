from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragkit import Config, load_config
from ragkit.errors import ConfigError


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without settings, and no settings of the user's own."""
    monkeypatch.chdir(tmp_path)


def test_the_default_is_the_last_resort() -> None:
    assert load_config(environment={"XDG_CONFIG_HOME": "/none"}) == Config()


def test_argument_beats_environment_beats_file(tmp_path: Path) -> None:
    Path("ragkit.toml").write_text('kb = "file.kb"\nmodel = "file"\nnum_ctx = 4096\n')
    environment = {"RAGKIT_MODEL": "environment", "RAGKIT_NUM_CTX": "16384"}
    config = load_config(environment=environment, overrides={"num_ctx": 2048, "kb": None})
    assert (config.kb, config.model, config.num_ctx) == ("file.kb", "environment", 2048)


def test_ollama_host_is_honoured_and_can_be_overruled() -> None:
    environment = {"OLLAMA_HOST": "10.0.0.1"}
    assert load_config(environment=environment).ollama_host == "10.0.0.1"
    environment["RAGKIT_OLLAMA_HOST"] = "127.0.0.1:5000"
    assert load_config(environment=environment).ollama_host == "127.0.0.1:5000"


def test_the_named_file_is_read_in_place_of_the_found_one(tmp_path: Path) -> None:
    Path("ragkit.toml").write_text('model = "found"\n')
    named = tmp_path / "named.toml"
    named.write_text('model = "named"\n')
    assert load_config(named, environment={}).model == "named"
    assert load_config(environment={"RAGKIT_CONFIG": str(named)}).model == "named"


@pytest.mark.parametrize(
    ("content", "environment", "message"),
    [
        ("embeder = 'x'", {}, "did you mean embedder"),
        ("num_ctx = 'many'", {}, "sets num_ctx to 'many'; expected a number"),
        ("num_ctx = true", {}, "expected a number"),
        ("num_ctx = 12", {}, "expected at least 1024"),
        ("device = 'tpu'", {}, "expected auto, cpu or cuda"),
        ("kb = ", {}, "is not valid TOML"),
        (
            "",
            {"RAGKIT_WORKERS": "three"},
            "RAGKIT_WORKERS sets workers to 'three'; expected a number",
        ),
        ("", {"RAGKIT_CONFIG": "/none.toml"}, "there is no settings file /none.toml"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(
    content: str, environment: dict[str, str], message: str
) -> None:
    Path("ragkit.toml").write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_config(environment=environment)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("RAGKIT_WORKER", "did you mean RAGKIT_WORKERS?"), ("RAGKIT_XYZZY", "it is ignored")],
)
def test_an_unknown_environment_variable_is_a_warning_that_names_the_nearest(
    name: str, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_config(environment={name: "3", "XDG_CONFIG_HOME": "/none"}) == Config()
    warning = f"the environment variable {name} is not a setting of ragkit; {hint}"
    assert caplog.messages == [warning]
    done = subprocess.run(
        [sys.executable, "-c", "import ragkit; ragkit.load_config()"],
        env={**os.environ, name: "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", f"{warning}\n")
