from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ragkit.errors import StoreDamaged
from ragkit.governance.audit_log import AuditLog
from ragkit.store.audit import current_user, read_records
from ragkit.store.audit_chain import ChainReport, check_chain
from ragkit.store.database import Database, connect
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
    """A knowledge base with five audit records, opened with SQLite as a forger would."""
    with store.writer() as writer:
        for number in range(5):
            put(writer, f"{number}.txt", ["text"])
    with closing(connect(store.layout.database)) as database:
        yield database


def checked(database: Database, store: Store) -> ChainReport:
    return check_chain(database, {store.key().id: store.key()})


def test_an_unchanged_chain_is_intact(store: Store, forged: Database) -> None:
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
def test_the_first_forged_record_is_reported(
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


def test_erased_names_leave_the_chain_intact(store: Store, forged: Database) -> None:
    assert [record.names for record in read_records(forged, 3)] == [
        {"source": "3.txt"},
        {"source": "4.txt"},
    ]
    erase_names(store, 4)
    assert checked(forged, store) == ChainReport(6, 1, None, "", {})
    *_, fourth, fifth, erasing = read_records(forged)
    assert [fourth.names, fifth.names] == [None, {"source": "4.txt"}]
    assert erasing.detail["records"] == [4]


def test_missing_names_without_an_erasure_are_reported(store: Store, forged: Database) -> None:
    erase_names(store, 4)
    forged.execute("DELETE FROM audit_names WHERE record IN (2, 3)")
    report = checked(forged, store)
    assert (report.broken, report.erased) == (2, 1)
    assert (
        report.problem == "the names of record 2 are missing, and no erasure is recorded for them"
    )


def test_a_forged_erasure_does_not_explain_missing_names(store: Store, forged: Database) -> None:
    erase_names(store, 4)
    forged.execute("DELETE FROM audit_names WHERE record = 2")
    forged.execute("UPDATE audit SET detail = json_set(detail, '$.records[1]', 2) WHERE id = 6")
    assert checked(forged, store).broken == 6
    forged.execute("UPDATE audit SET detail = '{\"records\": [2, 4]}', key = 'abc' WHERE id = 6")
    assert not checked(forged, store).intact


def test_the_log_of_another_knowledge_base_is_rejected(
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
def test_a_log_without_the_id_of_its_knowledge_base_is_rejected(
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
def test_a_malformed_record_is_reported(
    store: Store, forged: Database, change: str, record: int
) -> None:
    forged.execute(f"UPDATE audit SET {change} WHERE id = {record}")
    report = checked(forged, store)
    assert report.broken == record
    assert report.problem.startswith(f"record {record} was changed or damaged")


@pytest.mark.parametrize("change", ["text = x'7b7d'", "text = 'x'", "text = '[]'", "salt = 'abc'"])
def test_malformed_names_are_reported(store: Store, forged: Database, change: str) -> None:
    forged.execute(f"UPDATE audit_names SET {change} WHERE record = 3")
    report = checked(forged, store)
    assert (report.broken, report.problem) == (3, "record 3 was changed or damaged")


def test_a_record_with_missing_fields_is_reported(store: Store, forged: Database) -> None:
    forged.execute(
        "CREATE TABLE loose AS SELECT * FROM audit; DROP TABLE audit; "
        "ALTER TABLE loose RENAME TO audit; "
        "UPDATE audit SET at = NULL, detail = NULL, names_digest = NULL, signature = NULL "
        "WHERE id = 3"
    )
    assert checked(forged, store).broken == 3


@pytest.mark.parametrize("change", [one for one in ALIEN if "action" not in one])
def test_reading_a_malformed_record_raises_an_error_that_names_the_command(
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


def test_a_checkpoint_does_not_match_a_malformed_record(store: Store, forged: Database) -> None:
    log = AuditLog(store)
    seen = log.checkpoint()
    forged.execute("UPDATE audit SET signature = 'abc' WHERE id = ?", (seen.record,))
    assert log.verify(checkpoints=[seen]).checkpoints == 0


def test_malformed_search_results_in_a_record_are_rejected(store: Store, forged: Database) -> None:
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


def test_all_versions_of_a_document_have_one_object(store: Store) -> None:
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


def test_the_environment_does_not_decide_the_current_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "boss")
    assert current_user() == f"user:{pwd.getpwuid(os.getuid()).pw_name}"
    assert Identity(None, ()).to_principal().name == current_user()


def test_an_account_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    assert current_user() == "user:UID 1234567"
