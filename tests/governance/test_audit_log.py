from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from ragkit.errors import StoreError
from ragkit.governance.audit_log import (
    AuditLog,
    Checkpoint,
    read_checkpoints,
    records_as_csv,
    records_as_jsonl,
)
from ragkit.store.audit import read_records
from ragkit.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb", key_file=tmp_path / "audit.key")
    yield opened
    opened.close()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_of_a_csv_export_is_executed_at_any_delimiter(store: Store, delimiter: str) -> None:
    names = {"source": "x;=1+1;.md", "from": "a\t=1+1\r\n=1+1\u2028=1+1\x85=1+1"}
    with store.recorder() as writer:
        for actor in ("user:a\n=1+1", "user:a;=1+1", "\t=1+1", "=1+1", "\uff1d1+1", "-1", "@a"):
            writer.record(actor, "test", "kb", {"a": "b;=1+1"}, names)
    with store.snapshot() as snapshot:
        found = list(read_records(snapshot.connection))
    rows = list(records_as_csv(found))
    assert all(len(row.splitlines()) == 1 for row in rows)
    cells = list(csv.reader((f"{row}\n" for row in rows), delimiter=delimiter))
    assert len(cells) == 8
    assert not [cell for row in cells for cell in row if cell.startswith(tuple("=+-@\t\r\uff1d"))]
    if delimiter == ",":
        assert [row[2] for row in cells[1:5]] == [
            "user:a\\u000a=1+1", "user:a\\u003b=1+1", "'\\u0009=1+1", "'=1+1",
        ]  # fmt: skip
        assert json.loads(cells[1][cells[0].index("names")]) == names
    assert [json.loads(row)["names"] for row in records_as_jsonl(found)] == [names] * 7


def test_a_written_checkpoint_is_read_back(store: Store, tmp_path: Path) -> None:
    checkpoint = AuditLog(store).checkpoint()
    path = tmp_path / "checkpoints"
    path.write_text(f"{json.dumps(asdict(checkpoint))}\n\n")
    assert read_checkpoints(path) == [checkpoint]
    assert AuditLog(store).verify(checkpoints=[checkpoint]).checkpoints == 1


@pytest.mark.parametrize(
    "content",
    [
        b"no checkpoint",
        b"[]",
        b"5",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        *(
            json.dumps({**asdict(Checkpoint("a", 1, "b", "c", "d", "e")), **wrong}).encode()
            for wrong in (
                {"key": []}, {"key": {}}, {"record": "1"}, {"record": True}, {"record": 1.5},
                {"kb": None}, {"signature": 5}, {"more": ""},
            )
        ),
    ],
)  # fmt: skip
def test_other_content_is_not_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoints").write_bytes(content)
    with pytest.raises(StoreError, match="cannot read checkpoints from"):
        read_checkpoints(tmp_path / "checkpoints")


def test_a_missing_file_of_checkpoints_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read checkpoints from"):
        read_checkpoints(tmp_path / "checkpoints")
