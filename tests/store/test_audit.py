from __future__ import annotations

import csv
import json
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from ragkit.errors import StoreDamaged, StoreError
from ragkit.governance.audit_log import (
    AuditLog,
    Checkpoint,
    read_checkpoints,
    records_as_csv,
    records_as_jsonl,
)
from ragkit.store.audit import current_user, read_records
from ragkit.store.audit_chain import ChainReport, check_chain
from ragkit.store.database import Database, connect
from ragkit.store.keys import load_or_create_key, read_key
from ragkit.store.records import Erasure
from ragkit.store.store import Store
from ragkit_apps.cli.options import Identity
from tests.support.stored import put, remove


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "a.kb", key_file=tmp_path / "audit.key")
    yield opened
    opened.close()


@pytest.fixture
def forged(store: Store) -> Iterator[Database]:
    """A base with five audit records, opened past ragkit, as a forger would."""
    with store.writer() as writer:
        for number in range(5):
            put(writer, f"{number}.txt", ["text"])
    with closing(connect(store.layout.database)) as database:
        yield database


def checked(database: Database, store: Store) -> ChainReport:
    return check_chain(database, {store.key().id: store.key()})


def test_an_untouched_chain_fits(store: Store, forged: Database) -> None:
    assert checked(forged, store) == ChainReport(5, 0, None, "", {})


@pytest.mark.parametrize(
    ("change", "record"),
    [
        ("UPDATE audit SET object = 'document:9' WHERE id = 3", 3),
        ("UPDATE audit SET at = '2020-01-01' WHERE id = 1", 1),
        ("UPDATE audit SET actor = 'os:nobody' WHERE id = 5", 5),
        ("UPDATE audit SET action = 'document.remove' WHERE id = 5", 5),
        ("UPDATE audit SET detail = '{}' WHERE id = 2", 2),
        ("UPDATE audit SET signature = zeroblob(32) WHERE id = 5", 5),
        ("UPDATE audit SET names_digest = zeroblob(32) WHERE id = 4", 4),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 5", 5),  # its name is still there
        ("UPDATE audit_names SET text = '{}' WHERE record = 4", 4),
        ("UPDATE audit_names SET salt = zeroblob(16) WHERE record = 2", 2),
        ("INSERT INTO audit_names VALUES (9, x'00', '{}')", 9),
        (
            "UPDATE audit SET id = 9 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3; "
            "UPDATE audit SET id = 3 WHERE id = 9",
            2,
        ),
        (
            "INSERT INTO audit SELECT 6, at, actor, action, object, detail, names_digest, key, "
            "signature FROM audit WHERE id = 5",
            6,
        ),
    ],
)
def test_the_first_forged_record_is_named(
    store: Store, forged: Database, change: str, record: int
) -> None:
    forged.execute(change)
    report = checked(forged, store)
    assert (report.broken, report.intact) == (record, False)
    assert f"record {record}" in report.problem


def erase_names(store: Store, *numbers: int) -> None:
    with store.writer() as writer:
        erasure = Erasure((), (), (), (), (), numbers, (), (), 0)
        writer.erasures.begin(
            lambda: (erasure, b""), reason="request 7", files=(), outside=0, asked=""
        )


def test_names_can_be_erased_and_the_chain_still_fits(store: Store, forged: Database) -> None:
    assert [record.names for record in read_records(forged, 3)] == [
        {"source": "3.txt"},
        {"source": "4.txt"},
    ]
    erase_names(store, 4)
    assert checked(forged, store) == ChainReport(6, 1, None, "", {})
    *_, fourth, fifth, erasing = read_records(forged)
    assert [fourth.names, fifth.names] == [None, {"source": "4.txt"}]
    assert erasing.detail["records"] == [4]


def test_names_that_no_erasure_took_are_missed(store: Store, forged: Database) -> None:
    erase_names(store, 4)
    forged.execute("DELETE FROM audit_names WHERE record IN (2, 3)")
    report = checked(forged, store)
    assert (report.broken, report.erased) == (2, 1)
    assert (
        report.problem == "the names of record 2 are missing, and no erasure is recorded for them"
    )


def test_a_forged_erasure_explains_nothing(store: Store, forged: Database) -> None:
    erase_names(store, 4)
    forged.execute("DELETE FROM audit_names WHERE record = 2")
    forged.execute("UPDATE audit SET detail = json_set(detail, '$.records[1]', 2) WHERE id = 6")
    assert checked(forged, store).broken == 6
    forged.execute("UPDATE audit SET detail = '{\"records\": [2, 4]}', key = 'abc' WHERE id = 6")
    assert not checked(forged, store).intact


def test_the_log_of_another_base_is_not_taken_for_this_ones(
    store: Store, forged: Database, tmp_path: Path
) -> None:
    other = Store(tmp_path / "b.kb", key_file=store.key_file)
    with other.writer() as writer:
        put(writer, "other.txt", ["text"])
    other.close()
    forged.execute("ATTACH ? AS other", (str(other.layout.database),))
    for table in ("audit", "audit_names"):
        forged.execute(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM other.{table}")
    assert checked(forged, store).broken == 1


@pytest.mark.parametrize("change", ["DELETE FROM meta", "UPDATE meta SET value = x'00ff'"])
def test_a_log_whose_base_is_no_longer_known_does_not_fit(
    store: Store, forged: Database, change: str
) -> None:
    forged.execute(f"{change} WHERE key = 'kb'")
    assert checked(forged, store).broken == 1


ALIEN = [
    "actor = x'00ff'",
    "actor = CAST(x'ff' AS TEXT)",
    "at = 'yesterday'",
    "object = 'document:x'",
    "object = 'document:99999999999999999999'",
    "detail = 'x'",
    "detail = '[]'",
    "detail = '{}{}'",
    "detail = x'7b7d'",
    r"""detail = '{"a": "\ud800"}'""",
    "detail = replace(hex(zeroblob(100000)), '0', '[')",
    "names_digest = 'abc'",
    "key = x'00'",
    "signature = 'abc'",
    "signature = 7",
    "action = 'kb.repair', detail = 'x'",
    "action = 'kb.repair', detail = '[]'",
    "action = 'kb.repair', detail = '{\"gaps\": [5]}'",
    "action = 'kb.repair', detail = '{\"gaps\": 5}'",
    "action = 'kb.repair', detail = '{\"gaps\": [[[], {}, []]]}'",
    "action = 'document.erase', detail = '{}'",
    "action = 'document.erase', detail = '{\"records\": [[]]}'",
]


@pytest.mark.parametrize("change", ALIEN)
@pytest.mark.parametrize("record", [3, 5])
def test_a_record_of_another_form_is_named(
    store: Store, forged: Database, change: str, record: int
) -> None:
    forged.execute(f"UPDATE audit SET {change} WHERE id = {record}")
    report = checked(forged, store)
    assert report.broken == record
    assert report.problem.startswith(f"record {record} was changed or damaged")


@pytest.mark.parametrize("change", ["text = x'7b7d'", "text = 'x'", "text = '[]'", "salt = 'abc'"])
def test_names_of_another_form_are_named(store: Store, forged: Database, change: str) -> None:
    forged.execute(f"UPDATE audit_names SET {change} WHERE record = 3")
    report = checked(forged, store)
    assert (report.broken, report.problem) == (3, "record 3 was changed or damaged")


def test_a_record_without_what_each_record_has_is_named(store: Store, forged: Database) -> None:
    forged.execute(
        "CREATE TABLE loose AS SELECT * FROM audit; DROP TABLE audit; "
        "ALTER TABLE loose RENAME TO audit; "
        "UPDATE audit SET at = NULL, detail = NULL, names_digest = NULL, signature = NULL "
        "WHERE id = 3"
    )
    assert checked(forged, store).broken == 3


@pytest.mark.parametrize("change", [one for one in ALIEN if "action" not in one])
def test_a_record_that_cannot_be_read_is_an_error_with_the_way_out(
    store: Store, forged: Database, change: str
) -> None:
    log = AuditLog(store)
    seen = log.checkpoint()
    forged.execute(f"UPDATE audit SET {change} WHERE id = 3")
    for filters in ({}, {"since": "2026-01-01"}, {"document": 5}):
        with pytest.raises(StoreDamaged, match=r"record 3 of .* ragkit audit verify"):
            log.records(**filters)
    report = log.verify(checkpoints=[seen])
    assert (report.chain.broken, report.checkpoints) == (3, 1)


def test_a_checkpoint_is_held_against_a_record_that_cannot_be_read(
    store: Store, forged: Database
) -> None:
    log = AuditLog(store)
    seen = log.checkpoint()
    forged.execute("UPDATE audit SET signature = 'abc' WHERE id = ?", (seen.record,))
    assert log.verify(checkpoints=[seen]).checkpoints == 0


def test_what_was_found_must_be_told_as_it_is_written(store: Store, forged: Database) -> None:
    forged.execute("UPDATE audit SET detail = '{\"found\": [5]}' WHERE id = 3")
    with pytest.raises(StoreDamaged, match="record 3"):
        AuditLog(store).records(document="1.txt")


def test_a_record_cannot_be_forged_without_the_key(
    store: Store, forged: Database, tmp_path: Path
) -> None:
    with store.snapshot() as snapshot:
        document = next(snapshot.documents.all())
    other = Store(store.layout.root, key_file=tmp_path / "other.key")
    with other.writer() as writer:
        remove(writer, document.id, document.source)
    other.close()
    found = checked(forged, store)
    assert (found.unknown, found.unknown_from) == (
        {other.key().id: 1},
        {other.key().id: found.records},
    )
    assert not checked(forged, store).intact
    assert check_chain(forged, {key.id: key for key in (store.key(), other.key())}).intact


def test_a_document_has_one_object_in_the_log_through_all_its_versions(store: Store) -> None:
    with store.writer() as writer:
        first = put(writer, "a.txt", ["one"])
        second = put(writer, "a.txt", ["two"])
        writer.documents.rename(second, "b.txt")
        remove(writer, second, "b.txt")
    with store.snapshot() as snapshot:
        found = [(record.action, record.object) for record in read_records(snapshot.connection)]
    assert found == [
        ("document.add", f"document:{first}"),
        ("document.replace", f"document:{first}"),
        ("document.rename", f"document:{first}"),
        ("document.remove", f"document:{first}"),
    ]


def test_the_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ragkit" / "audit.key"
    key = load_or_create_key(path)
    assert load_or_create_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["audit.key"]
    assert key.secret.hex() not in repr(key)


@pytest.mark.parametrize("content", ["", "no key", "00" * 31, "00" * 33, "gg" * 32])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.key").write_text(content)
    with pytest.raises(StoreError, match="audit"):
        read_key(tmp_path / "audit.key")


def test_a_key_that_cannot_be_kept_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="RAGKIT_AUDIT_KEY"):
        load_or_create_key(tmp_path / "file" / "audit.key")


# -- the account, exports and checkpoints ---------------------------------------------------------


def test_who_acts_is_not_for_the_environment_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "boss")
    assert current_user() == f"user:{pwd.getpwuid(os.getuid()).pw_name}"
    assert Identity(None, ()).to_principal().name == current_user()


def test_an_account_without_a_name_is_called_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    assert current_user() == "user:UID 1234567"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_of_a_table_is_run_wherever_it_is_parted(store: Store, delimiter: str) -> None:
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


def test_checkpoints_are_read_as_they_were_made(store: Store, tmp_path: Path) -> None:
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
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoints").write_bytes(content)
    with pytest.raises(StoreError, match="cannot read checkpoints from"):
        read_checkpoints(tmp_path / "checkpoints")


def test_a_file_of_checkpoints_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read checkpoints from"):
        read_checkpoints(tmp_path / "checkpoints")
