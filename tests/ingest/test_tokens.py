"""Tokenizer: words that are remembered make the very ids that the whole text would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Metaspace
from tokenizers.processors import TemplateProcessing

from ragkit_ingest import tokens
from ragkit_ingest.tokens import Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
PIECES = [*"abcdefghijklmnopqrstuvwxyz0123456789.,$%()-ïçσ中", "the", "##s", "##ing", "net", "##23"]


def backend() -> Backend:
    vocabulary = {piece: number for number, piece in enumerate([*SPECIAL, *PIECES])}
    vocabulary |= {f"##{piece}": len(vocabulary) + n for n, piece in enumerate(PIECES[:40])}
    made = Backend(WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = BertNormalizer()
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(SPECIAL)
    return made


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Backend], Tokenizer]:
    def save_and_open(made: Backend) -> Tokenizer:
        file: Path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
        made.save(str(file))
        return Tokenizer(file)

    return save_and_open


@pytest.fixture(scope="module")
def by_words(opened: Callable[[Backend], Tokenizer]) -> Tokenizer:
    tokenizer = opened(backend())
    assert tokenizer._by_words
    return tokenizer


ODD = st.sampled_from(
    ["[SEP]", "Nets", "1,234", "naïve", "a\u0301", " \u0301", "中文", "Σ", "\u0130", "x" * 150]
)
SPACE = st.sampled_from([" ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\x1c", "\x85", "\u200b", ""])


@given(st.lists(st.tuples(st.one_of(ODD, st.text()), SPACE)))
def test_any_text_gets_the_ids_that_the_tokenizer_itself_gives(
    by_words: Tokenizer, parts: list[tuple[str, str]]
) -> None:
    text = "".join(word + space for word, space in parts)
    expected = backend().encode(text)
    assert by_words.ids([text, text]) == [expected.ids] * 2
    assert by_words.counts([text]) == [len(expected.ids) - 2]


def test_no_more_words_are_kept_than_a_process_can_bear(
    opened: Callable[[Backend], Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_MAX_CACHED_CHARACTERS", 100)
    tokenizer = opened(backend())
    for number in range(300):
        text = f"net {number} the"
        assert tokenizer.ids([text]) == [backend().encode(text).ids]
        assert sum(map(len, tokenizer._cache)) <= 100 + len(text)


@pytest.mark.parametrize("change", ["another pre-tokenizer", "an added token with a space"])
def test_a_tokenizer_whose_pieces_may_cross_a_space_gets_the_whole_text(
    change: str, opened: Callable[[Backend], Tokenizer]
) -> None:
    made = backend()
    if change == "another pre-tokenizer":
        made.pre_tokenizer = Metaspace()
    else:
        made.add_tokens([AddedToken("net ing")])
    text = "the net ing a b"
    assert opened(made).ids([text]) == [made.encode(text).ids]
    assert opened(made).counts([text]) == [len(made.encode(text, add_special_tokens=False).ids)]
    assert not opened(made)._by_words
