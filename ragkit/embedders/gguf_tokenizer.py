"""Builds the tokenizer of a model on Ollama from its GGUF metadata, to count tokens exactly.

Ollama has no tokenizer for clients, but shows a model's vocabulary. The kinds that embedding models
have are WordPiece ("bert") and Unigram ("t5", of XLM-RoBERTa); others are None here.
Source: llama.cpp conversion/bert.py and ollama/ollama convert/convert_bert.go.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WORD_START = "\u2581"
_UNKNOWN = "[UNK]"
_PREFIX = "tokenizer.ggml."


def save_tokenizer(info: Mapping[str, Any], file: Path) -> bool:
    """Write the tokenizer.json of a model, completely or not at all; False if there is none.

    `info` is the verbose `model_info` of /api/show.
    """
    try:
        tokenizer = build_tokenizer(info)
        if tokenizer is None:
            return False
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as written:
                written.write(tokenizer.to_str())
            Path(scratch).replace(file)
        finally:
            with suppress(FileNotFoundError):
                Path(scratch).unlink()
    except OSError:  # then tokens are estimated
        return False
    return True


def build_tokenizer(info: Mapping[str, Any]) -> Tokenizer | None:
    """Return the tokenizer of a model, None if its kind is not known or its vocabulary missing."""
    tokens = info.get(f"{_PREFIX}tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        return None
    try:
        match info.get(f"{_PREFIX}model"):
            case "bert":
                return _build_word_piece(tokens)
            case "t5":
                return _build_unigram(tokens, info)
    except Exception:  # the library raises plain Exceptions for a vocabulary that it cannot use
        return None
    return None


def _build_word_piece(tokens: list[str]) -> Tokenizer | None:
    """Build BERT's tokenizer; the vocabulary marks the start of words, and not their other parts.

    Servers write all letters small and without accents.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    vocabulary: dict[str, int] = {}
    for number, token in enumerate(tokens):
        is_special = token.startswith("[") and token.endswith("]")
        name = token if is_special else f"##{token}"
        name = token[1:] if token.startswith(_WORD_START) else name
        vocabulary.setdefault(name, number)
    if _UNKNOWN not in vocabulary:
        return None
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer = BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def _build_unigram(tokens: list[str], info: Mapping[str, Any]) -> Tokenizer | None:
    """Build the tokenizer of XLM-RoBERTa, with the same normalization as the server's."""
    from tokenizers import Tokenizer
    from tokenizers.models import Unigram
    from tokenizers.normalizers import NFKC, Precompiled
    from tokenizers.pre_tokenizers import Metaspace, Sequence, WhitespaceSplit

    scores = info.get(f"{_PREFIX}scores")
    unknown = info.get(f"{_PREFIX}unknown_token_id")
    if not isinstance(scores, list) or not isinstance(unknown, int):
        return None
    vocabulary = list(zip(tokens, map(float, scores), strict=True))
    tokenizer = Tokenizer(Unigram(vocabulary, unknown, False))
    table = info.get(f"{_PREFIX}precompiled_charsmap")
    if isinstance(table, list) and table:
        tokenizer.normalizer = Precompiled(bytes(value & 0xFF for value in table))
    else:
        tokenizer.normalizer = NFKC()
    space = Metaspace(replacement=_WORD_START, prepend_scheme="always")
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), space])
    return tokenizer
