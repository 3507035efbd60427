"""How pairs become tokens, and scores of threads, batches and bad rerankers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ragkit import Reranker
from ragkit.errors import RerankerError
from ragkit.rerankers.base import score_texts
from ragkit.rerankers.cross_encoder import CrossEncoder, PairTokenizer, read_logits
from tests.rerankers.conftest import LIMIT, QUERY, TEXTS


@pytest.fixture
def tokenizer(compiled: CrossEncoder) -> PairTokenizer:
    return PairTokenizer(compiled.folder / "tokenizer.json", LIMIT)


def test_a_long_pair_loses_the_end_of_its_text_only(tokenizer: PairTokenizer) -> None:
    (whole,) = tokenizer.encode(QUERY, ["price of the seal"])
    (cut,) = tokenizer.encode(QUERY, ["price of the seal " * 50])
    assert len(cut.ids) == len(cut.types) == LIMIT
    assert cut.ids[:-1][: len(whole.ids) - 1] == whole.ids[:-1]
    assert cut.ids[-1] == whole.ids[-1]  # the closing special token
    assert cut.types == [0] * 7 + [1] * (LIMIT - 7)


@pytest.mark.parametrize("query", ["leave " * 1000, "leave" * 1000, "leave " * 20_000])
def test_a_long_query_leaves_half_of_the_tokens_to_the_text(
    tokenizer: PairTokenizer, query: str
) -> None:
    (pair,) = tokenizer.encode(query, ["price " * 100])
    assert len(pair.ids) <= LIMIT
    assert sum(pair.types) >= LIMIT // 2 - 2


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "��", "☃" * 2000])
def test_texts_of_any_kind_have_a_score(compiled: CrossEncoder, text: str) -> None:
    assert np.isfinite(compiled.score(text, [text, "the pump"])).all()


def test_a_score_does_not_depend_on_the_other_texts(compiled: CrossEncoder) -> None:
    texts = ["the pump " * size for size in range(1, 30)]
    together = compiled.score(QUERY, texts)
    alone = [compiled.score(QUERY, [text])[0] for text in texts]
    assert together == pytest.approx(np.array(alone), abs=1e-4)
    assert compiled.score(QUERY, []).shape == (0,)


def test_threads_get_their_own_scores(compiled: CrossEncoder) -> None:
    queries = ["price of the seal", "how many days", "the pump and the valve", "leave"] * 8
    expected = [compiled.score(query, TEXTS).tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query: compiled.score(query, TEXTS).tolist(), queries))
    assert found == [pytest.approx(each, abs=1e-4) for each in expected]


def test_two_logits_become_yes_minus_no() -> None:
    logits = np.array([[1.0, 3.0], [2.0, -2.0]], dtype=np.float32)
    assert read_logits(logits).tolist() == [2.0, -4.0]
    assert read_logits(logits[:, :1]).tolist() == [1.0, 2.0]
    assert read_logits(logits[:, 0]).tolist() == [1.0, 2.0]


class Fixed:
    """A reranker that returns what it was made with."""

    name = "fixed"

    def __init__(self, found: object) -> None:
        self.found = found

    def score(self, query: str, texts: object) -> object:
        return self.found


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([1.0], r"shape \(1,\) for 2 texts, expected \(2,\); correct its method score"),
        ([[1.0], [2.0]], r"shape \(2, 1\) for 2 texts"),
        (1.0, r"shape \(\) for 2 texts"),
        ([1.0, float("nan")], "NaN or infinity as a score, expected finite numbers; use another"),
        ([1.0, float("inf")], "NaN or infinity"),
        (["a", "b"], "returned list as scores, expected float32 numbers"),
        (None, "NaN|shape"),
        ([[1.0], [2.0, 3.0]], "returned list as scores"),
    ],
)
def test_a_reranker_that_returns_something_else_is_named(found: object, message: str) -> None:
    reranker = Fixed(found)
    with pytest.raises(RerankerError, match=message) as caught:
        score_texts(reranker, "q", ["a", "b"])  # type: ignore[arg-type]
    assert str(caught.value).startswith("fixed returned")


def test_numbers_of_any_type_are_scores() -> None:
    assert score_texts(Fixed([1, 2]), "q", ["a", "b"]).dtype == np.float32  # type: ignore[arg-type]


def test_a_cross_encoder_is_a_reranker(compiled: CrossEncoder) -> None:
    assert isinstance(compiled, Reranker)
    assert compiled.name == "tiny-reranker"
