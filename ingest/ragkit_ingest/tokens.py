"""Token ids and counts of texts, by a tokenizer.json."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

_KEPT = 250_000  # characters of words that are remembered; some 8 MB with their ids
_TEXTS = 128  # taken apart at a time: the words of a thousand are 10 MB


class Tokenizer:
    """Reads a tokenizer.json; texts are neither cut nor padded. Safe from several threads.

    BERT's word pieces never cross a space, and documents say the same words again and again:
    there each word is tokenized once and remembered: the same ids, in a fifth of the time.
    """

    def __init__(self, file: Path | str) -> None:
        from tokenizers import Tokenizer as Backend
        from tokenizers.models import WordPiece
        from tokenizers.normalizers import BertNormalizer
        from tokenizers.pre_tokenizers import BertPreTokenizer

        self._backend = Backend.from_file(str(file))
        self._backend.no_truncation()
        self._backend.no_padding()
        self._by_words = (
            isinstance(self._backend.model, WordPiece)
            and isinstance(self._backend.normalizer, BertNormalizer)
            and isinstance(self._backend.pre_tokenizer, BertPreTokenizer)
            and not any(
                token.lstrip or token.rstrip or " " in token.content or "\n" in token.content
                for token in self._backend.get_added_tokens_decoder().values()
            )
        )
        whole, bare = (self._backend.encode("a", add_special_tokens=s).ids for s in (True, False))
        before = whole.index(bare[0]) if bare else 0
        self._before, self._after = whole[:before], whole[before + len(bare) :]
        self._known: dict[str, list[int]] = {}
        self._characters = 0

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text between the model's special tokens."""
        parts = (texts[at : at + _TEXTS] for at in range(0, len(texts), _TEXTS))
        return list(chain.from_iterable(map(self._ids, parts)))

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        if not self._by_words:
            return [encoding.ids for encoding in self._backend.encode_batch_fast(list(texts))]
        split, known = self._split(texts)
        return [
            [*self._before, *chain.from_iterable(map(known.__getitem__, words)), *self._after]
            for words in split
        ]

    def counts(self, texts: Sequence[str]) -> list[int]:
        """The number of ids of each text, special tokens not counted."""
        if not self._by_words:
            found = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
            return list(map(len, found))
        split, known = self._split(texts)
        return [sum(map(len, map(known.__getitem__, words))) for words in split]

    def _split(self, texts: Sequence[str]) -> tuple[list[list[str]], dict[str, list[int]]]:
        """The words of each text, and the ids of every one of them."""
        split = [text.replace("\n", " ").split(" ") for text in texts]
        if self._characters > _KEPT:
            self._known, self._characters = {}, 0
        known = self._known
        fresh = [word for word in set(chain.from_iterable(split)) if word not in known]
        encodings = self._backend.encode_batch_fast(fresh, add_special_tokens=False)
        known.update((word, encoding.ids) for word, encoding in zip(fresh, encodings, strict=True))
        self._characters += sum(map(len, fresh))
        return split, known
