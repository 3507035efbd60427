"""Parses what Ollama says about its models and answers."""

from __future__ import annotations

from typing import Any

from ragkit.llms.base import InstalledModel, parse_parameters
from ragkit.llms.transport import to_one_line

# The tokens that a server keeps at the start of a prompt that it cuts: num_keep, and one more.
_KEPT_TOKENS = (4, 5)
_MIN_CUT_RATIO = 5  # bytes for each token read, where half of a prompt was not read


def parse_count(event: dict[str, Any], key: str) -> int | None:
    """Return the whole number at a key, None if there is none."""
    value = event.get(key)
    return value if isinstance(value, int) else None


def parse_entry(entry: dict[str, Any]) -> InstalledModel:
    """Parse an entry of /api/tags, which has at least a name."""
    found = entry.get("details")
    details: dict[str, Any] = found if isinstance(found, dict) else {}
    return InstalledModel(
        name=entry["name"],
        size=parse_count(entry, "size") or 0,
        family=str(details.get("family") or ""),
        parameters=str(details.get("parameter_size") or ""),
        quantisation=str(details.get("quantization_level") or ""),
        digest=str(entry.get("digest") or ""),
    )


def find_capabilities(shown: dict[str, Any], facts: dict[str, Any]) -> tuple[str, ...]:
    """Return what a model can do, by its description; () if nobody knows.

    Servers before 0.6.4 give no capabilities. There a pooling of vectors tells an embedder, as in
    newer ones (ollama/ollama server/images.go), or an architecture without a decoder.
    """
    found = shown.get("capabilities")
    if isinstance(found, list) and found:
        return tuple(map(str, found))
    details = shown.get("details")
    family = details.get("family") if isinstance(details, dict) else None
    architecture = str(facts.get("general.architecture") or family or "")
    pools = f"{architecture}.pooling_type" in facts
    return ("embedding",) if pools or "bert" in architecture.casefold() else ()


def find_parameters(shown: dict[str, Any], facts: dict[str, Any]) -> int:
    """Return the number of a model's parameters, 0 if the server does not say it."""
    details = shown.get("details")
    size = details.get("parameter_size") if isinstance(details, dict) else None
    return parse_count(facts, "general.parameter_count") or parse_parameters(str(size or ""))


def parse_license_name(text: str) -> str:
    """Return the name of a licence: its first line, and the version from the second."""
    lines = [to_one_line(line) for line in text.split("\n") if line.strip()]
    version = lines[1:2] if lines[1:2] and lines[1].startswith("Version") else []
    return ", ".join([*lines[:1], *version])[:100]


def is_cut(read: int | None, context: int, size: int) -> bool:
    """Return True if a server read as much of a prompt of `size` bytes as it keeps of a cut one.

    It keeps the first tokens and the newest ones, which fill half of the rest. Source:
    ollama/ollama llm/llama_server.go, since v0.30.9.
    """
    halves = [context - (context - kept) // 2 for kept in _KEPT_TOKENS]
    return read in halves and size >= _MIN_CUT_RATIO * read
