"""Settings, from arguments, RAGKIT_* environment variables, ragkit.toml and defaults."""

from __future__ import annotations

import difflib
import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from ragkit.errors import ConfigError

logger = logging.getLogger(__name__)

_DEFAULT_HOST = "http://127.0.0.1:11434"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of ragkit; facts about a knowledge base are stored in it instead.

    | setting | meaning |
    |---|---|
    | `kb` | the directory of the knowledge base |
    | `embedder`, `model` | names of models; "" and "auto" let ragkit choose |
    | `reranker` | the name or folder of a cross-encoder that reranks passages; "" is none |
    | `device` | "auto", "cpu" or "cuda", for the embedder |
    | `ollama_host` | the address of Ollama, as in OLLAMA_HOST |
    | `openai_url` | an OpenAI-compatible server instead of Ollama: "http://127.0.0.1:8000/v1" |
    | `openai_key` | the key for this server |
    | `num_ctx`, `num_predict` | tokens of context, and of the longest answer |
    | `first_word_within` | seconds to the first word of an answer; decides the prompt's length |
    | `workers` | processes that read files; 0 means one per CPU but one, at most four |
    | `max_file_mb`, `timeout` | the largest file, and seconds to read a file |
    | `folders` | folders that users may ingest from the web page, joined as in PATH |
    | `audit_key` | the file of the audit key; default: ragkit/audit.key in the user's data folder |
    | `audit` | "required": what cannot be recorded is not answered; or "optional" |
    | `audit_questions` | what the audit log keeps of a question: "digest" or "text" |
    | `page_rules` | rules for pages of figures: "auto", "off" or the path of a TOML file |
    | `labels` | access labels by folder, given to documents when they are ingested |

    In ragkit.toml, `labels` is a table [labels]. Its folders are absolute, or relative to the
    ingested one. Raises ConfigError for an invalid value.
    """

    kb: str = "ragkit.kb"
    embedder: str = ""
    reranker: str = ""
    device: str = "auto"
    model: str = "auto"
    ollama_host: str = ""
    openai_url: str = ""
    openai_key: str = field(default="", repr=False)
    num_ctx: int = 8192
    num_predict: int = 1024
    first_word_within: int = 10
    workers: int = 0
    max_file_mb: int = 200
    timeout: int = 120
    folders: str = ""
    audit_key: str = ""
    audit: str = "required"
    audit_questions: str = "digest"
    page_rules: str = "auto"
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
            raise ConfigError("kb is empty; expected the directory of the knowledge base")
        for name, minimum in (
            ("workers", 0),
            ("num_ctx", 1024),
            ("num_predict", 16),
            ("first_word_within", 1),
            ("max_file_mb", 1),
            ("timeout", 1),
        ):
            if getattr(self, name) < minimum:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected at least {minimum}")

    @property
    def key_file(self) -> Path | None:
        """The file of the audit key, if a setting names one."""
        return Path(self.audit_key).expanduser() if self.audit_key else None

    @property
    def model_url(self) -> str:
        """The address of the model server: `openai_url` if it is set, else Ollama's."""
        return self.openai_url or ollama_url(self.ollama_host)

    @property
    def embedder_url(self) -> str:
        """The address of Ollama if the embedder is one of its models, else ""."""
        return ollama_url(self.ollama_host) if self.embedder.startswith("ollama:") else ""


def ollama_url(host: str) -> str:
    """Return the URL for a value of OLLAMA_HOST, by the rules of Ollama's own clients.

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
    """Load the settings: `overrides` win over the environment, which wins over the file.

    None in `overrides` means "not given". Raises ConfigError for an unknown key in the file or the
    overrides, and for a value of the wrong type. An unknown RAGKIT_* variable, which may belong to
    another program, is logged as a warning.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    if environment.get("OLLAMA_HOST"):
        values["ollama_host"] = environment["OLLAMA_HOST"]
    file = find_config_file(path, environment)
    if file is not None:
        values |= _read_file(file)
    values |= _read_environment(environment)
    values |= {key: value for key, value in (overrides or {}).items() if value is not None}
    rules = values.pop("labels", {})
    typed = {key: _convert(key, value, "the call") for key, value in values.items()}
    return Config(**typed, labels=rules)  # type: ignore[arg-type]


def cache_folder(kind: str) -> Path:
    """Return the folder for what ragkit makes of models of a kind, such as "embedders"."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "ragkit" / kind


def find_config_file(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    """Return the settings file: `path`, $RAGKIT_CONFIG, ./ragkit.toml, or the user's own.

    None if there is none. Raises ConfigError if `path` or $RAGKIT_CONFIG is not a file.
    """
    named = path or (
        Path(environment["RAGKIT_CONFIG"]) if environment.get("RAGKIT_CONFIG") else None
    )
    if named is not None:
        if not named.is_file():
            raise ConfigError(
                f"there is no settings file {named}; create it, or correct --config or "
                "RAGKIT_CONFIG"
            )
        return named
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    for candidate in (Path("ragkit.toml"), Path(home).expanduser() / "ragkit" / "ragkit.toml"):
        if candidate.is_file():
            return candidate
    return None


def _read_file(path: Path) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    labels = content.pop("labels", {})
    typed = {key: _convert(key, value, str(path)) for key, value in content.items()}
    return typed | ({"labels": _check_label_rules(labels, path)} if labels else {})


def _check_label_rules(labels: object, path: Path) -> dict[str, str]:
    """Return the table of folders and labels. Raises ConfigError if it is not one."""
    if not isinstance(labels, dict) or not all(isinstance(one, str) for one in labels.values()):
        raise ConfigError(f'{path} sets labels to {labels!r}; expected lines like "hr/" = "hr"')
    for label in labels.values():
        try:
            check_label(label)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error
    return labels


def check_label(name: str) -> str:
    """Return the name of an access label. Raises ValueError if it is not valid."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 200:
        raise ValueError(f"invalid label {name!r}; expected a short name like hr")
    return name


def _read_environment(environment: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, value in environment.items():
        key = name.removeprefix("RAGKIT_").lower()
        if not name.startswith("RAGKIT_") or key == "config":
            continue
        if key in _TYPES:
            values[key] = _convert(key, value, f"the environment variable {name}")
        else:
            near = difflib.get_close_matches(key, _TYPES, n=1)
            hint = f"did you mean RAGKIT_{near[0].upper()}?" if near else "it is ignored"
            logger.warning("the environment variable %s is not a setting of ragkit; %s", name, hint)
    return values


def _convert(key: str, value: object, where: str) -> object:
    """Return a value in the type of its setting. Raises ConfigError if that is impossible."""
    if key not in _TYPES:
        near = difflib.get_close_matches(key, _TYPES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"settings are {', '.join(_TYPES)}, labels"
        raise ConfigError(f"{where} sets {key!r}, which is not a setting; {hint}")
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
