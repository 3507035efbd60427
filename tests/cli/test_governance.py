from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest", "docs", "--label", ""], "invalid label ''"),
        (["retention", "keep", "default", "0"], "1 to 100000"),
        (["retention", "keep", "default", "9" * 20], "1 to 100000"),
        (["hold", "leave.txt", "--reason", " "], "a legal hold needs a reason"),
        (["audit", "show", "--since", "tomorrow"], "--since"),
    ],
)
def test_a_value_that_makes_no_sense_is_wrong_usage(
    ragkit: Command, small: Path, arguments: list[str], words: str
) -> None:
    ended = ragkit(*arguments, "--kb", small)
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_receipt_of_a_number_that_no_base_counts_to_is_not_there(
    ragkit: Command, small: Path
) -> None:
    ended = ragkit("receipt", "9" * 20, "--kb", small)
    assert ended.code == 1
    assert ended.error.startswith("there is no receipt of an erasure 9999")


@pytest.mark.parametrize("who", ["everyone", "group:hr", "user:ana"])
def test_what_a_group_or_everybody_may_read_is_shown(
    ragkit: Command, small: Path, who: str
) -> None:
    ended = ragkit("access", "show", who, "--kb", small)
    assert ended.code == 0
    assert ended.out.startswith(f"{who} may read 1 of 1 documents")


@pytest.mark.parametrize("sign", [" ", "T"])
def test_the_log_is_shown_from_a_time_of_a_day_on(ragkit: Command, small: Path, sign: str) -> None:
    assert (
        "document.add"
        in ragkit("audit", "show", "--since", f"2020-01-01{sign}10:00", "--kb", small).out
    )
    later = ragkit("audit", "show", "--since", f"2999-01-01{sign}10:00", "--kb", small)
    assert (later.code, "document.add" in later.out) == (0, False)
