"""Settings: argument, then RAGKIT_* environment, then ragkit.toml, then default."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from ragkit.errors import ConfigError

_DEFAULT_HOST = "http://127.0.0.1:11434"


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of ragkit. Facts of a base are not settings: they live in the base.

    `embedder` and `model` are names; "" and "auto" leave the choice to ragkit. `openai_url` names
    an OpenAI-compatible server to use in place of Ollama ("http://127.0.0.1:8000/v1"), and
    `openai_key` is sent to it, if there is one. `num_ctx` and `num_predict` are tokens, `timeout`
    seconds for a file, `workers` processes that read files (0: one less than there are
    processors, at most four). `folders` are the folders that may be ingested from the web page,
    joined as in PATH. `audit_key` is the file of the key that signs the audit log, by default
    ragkit/audit.key in the user's data folder. `audit` is "required" (what cannot be recorded is
    not answered) or "optional"; `audit_questions` is "digest" or "text", what the log keeps of a
    question. `labels` are the rules that give documents their label when they are ingested: in
    ragkit.toml a table [labels] of folders, relative to the one that is ingested or absolute, each
    with a label.
    """

    kb: str = "ragkit.kb"
    embedder: str = ""
    device: str = "auto"
    model: str = "auto"
    ollama_host: str = ""
    openai_url: str = ""
    openai_key: str = field(default="", repr=False)
    num_ctx: int = 8192
    num_predict: int = 1024
    workers: int = 0
    max_file_mb: int = 200
    timeout: int = 120
    folders: str = ""
    audit_key: str = ""
    audit: str = "required"
    audit_questions: str = "digest"
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"device is {self.device!r}; expected auto, cpu or cuda")
        for name, choices in (
            ("audit", ("required", "optional")),
            ("audit_questions", ("digest", "text")),
        ):
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; expected {' or '.join(choices)}"
                )
        if self.openai_url and not self.openai_url.startswith(("http://", "https://")):
            raise ConfigError(
                f"openai_url is {self.openai_url!r}; expected an address like "
                "http://127.0.0.1:8000/v1"
            )
        if not self.kb:
            raise ConfigError("kb is empty; name the base's directory")
        for name, least in (
            ("workers", 0),
            ("num_ctx", 1024),
            ("num_predict", 16),
            ("max_file_mb", 1),
            ("timeout", 1),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected at least {least}")

    @property
    def key_file(self) -> Path | None:
        """The file of the audit key, if a setting names one."""
        return Path(self.audit_key).expanduser() if self.audit_key else None

    @property
    def model_url(self) -> str:
        """The address of the model server: `openai_url` if it is set, else Ollama's."""
        return self.openai_url or ollama_url(self.ollama_host)


def ollama_url(host: str) -> str:
    """Return the base URL for a value of OLLAMA_HOST, by the rules of Ollama's own clients.

    Source: ollama/ollama-python, `_parse_host`.
    """
    host = host.strip().strip("\"'").rstrip("/")
    if not host:
        return _DEFAULT_HOST
    scheme, found, rest = host.rpartition("://")
    port = {"http": 80, "https": 443}.get(scheme, 11434) if found else 11434
    scheme = scheme or "http"
    address, _, path = rest.partition("/")
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d+))?", address)
    if match is None:
        return _DEFAULT_HOST
    name = match.group(1) or "127.0.0.1"
    if name in ("0.0.0.0", "[::]"):  # noqa: S104  a bind address: connect to this machine
        name = "127.0.0.1"
    number = int(match.group(2) or port)
    if number > 65535:
        number = port
    return f"{scheme}://{name}:{number}" + (f"/{path}" if path else "")


_TYPES: dict[str, type] = {
    each.name: type(each.default) for each in fields(Config) if each.name != "labels"
}


def load_config(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, str | int | None] | None = None,
) -> Config:
    """Gather the settings; a None in `overrides` means not given.

    Raises ConfigError for a key that is unknown or a value of the wrong type.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    if environment.get("OLLAMA_HOST"):
        values["ollama_host"] = environment["OLLAMA_HOST"]
    file = config_file(path, environment)
    if file is not None:
        values |= _from_file(file)
    values |= _from_environment(environment)
    values |= {key: value for key, value in (overrides or {}).items() if value is not None}
    rules = values.pop("labels", {})
    typed = {key: _typed(key, value, "the call") for key, value in values.items()}
    return Config(**typed, labels=rules)  # type: ignore[arg-type]


def config_file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file in force: the one named, else $RAGKIT_CONFIG, ./ragkit.toml, or the user's."""
    named = path or (
        Path(environment["RAGKIT_CONFIG"]) if environment.get("RAGKIT_CONFIG") else None
    )
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"there is no settings file {named}")
        return named
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    for candidate in (Path("ragkit.toml"), Path(home).expanduser() / "ragkit" / "ragkit.toml"):
        if candidate.is_file():
            return candidate
    return None


def _from_file(path: Path) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    labels = content.pop("labels", {})
    typed = {key: _typed(key, value, str(path)) for key, value in content.items()}
    return typed | ({"labels": _rules(labels, path)} if labels else {})


def _rules(labels: object, path: Path) -> dict[str, str]:
    """The table of folders and their labels."""
    if not isinstance(labels, dict) or not all(isinstance(one, str) for one in labels.values()):
        raise ConfigError(f'{path} sets labels to {labels!r}; expected lines like "hr/" = "hr"')
    for label in labels.values():
        try:
            check_label(label)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error
    return labels


def check_label(name: str) -> str:
    """A name that a label can have. Raises ValueError for any other."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 200:
        raise ValueError(f"{name!r} is no label; expected a short name like hr")
    return name


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in environment.items():
        key = name.removeprefix("RAGKIT_").lower()
        if name.startswith("RAGKIT_") and key != "config":
            found[key] = _typed(key, value, f"the environment variable {name}")
    return found


def _typed(key: str, value: object, where: str) -> object:
    if key not in _TYPES:
        near = difflib.get_close_matches(key, _TYPES, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(_TYPES)}, labels"
        raise ConfigError(f"{where} sets {key!r}, which is no setting{hint}")
    expected = _TYPES[key]
    if isinstance(value, expected) and not isinstance(value, bool):
        return value
    try:
        if isinstance(value, str) and expected is int:
            return int(value)
    except ValueError:
        pass
    raise ConfigError(
        f"{where} sets {key} to {value!r}; expected {'a number' if expected is int else 'a text'}"
    )
