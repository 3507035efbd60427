from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ragkit import Config, KnowledgeBase
from ragkit.errors import ClockSkewError, SourceError
from ragkit.ingestion.plan import make_plan
from ragkit_ingest.model import Document, Page, ReadError, Reason
from tests.ingestion.test_adapters import Part
from tests.support.hashing import HashingEmbedder

Clock = Callable[..., None]


@pytest.fixture
def kb(docs: Path, tmp_path: Path) -> Iterator[KnowledgeBase]:
    """Two documents of applicants, which may be kept for half a year, and one about a pump."""
    for name, text in {
        "jobs/ana.txt": "Ana applies for the post of a welder.",
        "jobs/bo.txt": "Bo applies for the post of a driver.",
        "pump.txt": "The pump weighs 31 kilograms.",
    }.items():
        (docs / name).parent.mkdir(exist_ok=True)
        (docs / name).write_text(text)
    config = Config(ollama_host="http://127.0.0.1:9", labels={"jobs": "jobs"})
    with KnowledgeBase(tmp_path / "a.kb", embedder=HashingEmbedder(), config=config) as opened:
        opened.ingest(docs)
        opened.retention.keep("jobs", 180)
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the clock some days and hours on from now, for the retention run and for the log."""

    def on(days: float = 0, hours: float = 0) -> None:
        at = datetime.now(UTC) + timedelta(days=days, hours=hours)
        monkeypatch.setattr("ragkit.governance.retention._now", lambda: at)
        text = at.isoformat(timespec="milliseconds")
        monkeypatch.setattr("ragkit.store.audit.current_time", lambda: text)

    return on


def sources(kb: KnowledgeBase) -> list[str]:
    return [document.source for document in kb.documents()]


def daily(kb: KnowledgeBase, clock: Clock, days: int) -> None:
    """A retention run every day, so that the log is never silent for longer."""
    for day in range(1, days + 1):
        clock(day)
        kb.retention.erase()


def test_what_was_kept_for_as_long_as_its_label_says_is_erased(
    kb: KnowledgeBase, clock: Clock, docs: Path
) -> None:
    daily(kb, clock, 179)
    assert len(sources(kb)) == 3
    clock(180, hours=1)
    assert [(one.source, one.days) for one in kb.retention.find_expired()] == [
        ("jobs/ana.txt", 180),
        ("jobs/bo.txt", 180),
    ]
    report = kb.retention.erase()
    assert [one.source for one in report.erased] == ["jobs/ana.txt", "jobs/bo.txt"]
    assert sources(kb) == ["pump.txt"]
    assert report.receipt is not None
    assert report.receipt.reason == "retention: jobs 180 days"
    assert report.receipt.searched["found"] == 0
    assert [one.reason for one in kb.ingest(docs).failed] == ["erased", "erased"]


def test_a_retention_run_with_nothing_due_is_a_line_of_the_log_alone(kb: KnowledgeBase) -> None:
    report = kb.retention.erase()
    assert (report.erased, report.held, report.receipt) == ((), (), None)
    assert kb.audit.records(action="retention.erase")[-1].detail == {"held": 0, "erased": 0}


@pytest.mark.parametrize("days", [365, 365 * 30])
def test_a_clock_that_jumps_erases_nothing(kb: KnowledgeBase, clock: Clock, days: int) -> None:
    clock(days)
    with pytest.raises(ClockSkewError, match="2 documents would be erased"):
        kb.retention.erase()
    assert len(sources(kb)) == 3


def test_a_question_after_the_jump_makes_the_clock_no_better(
    kb: KnowledgeBase, clock: Clock
) -> None:
    clock(365)
    kb.search("pump")
    clock(365, hours=1)
    with pytest.raises(ClockSkewError, match="clock-is-right"):
        kb.retention.erase()
    assert len(sources(kb)) == 3


def test_a_clock_that_was_wrong_and_is_set_back_erases_nothing(
    kb: KnowledgeBase, clock: Clock
) -> None:
    clock(3650)
    kb.search("pump")
    clock(200)
    with pytest.raises(ClockSkewError):
        kb.retention.erase()


def test_a_retention_run_that_had_nothing_to_do_makes_the_clock_no_better(
    kb: KnowledgeBase, clock: Clock
) -> None:
    kb.retention.erase()
    clock(179)
    assert kb.retention.erase().erased == ()
    clock(180, hours=2)
    assert "the clock may have jumped from" in kb.retention.clock_problem()
    with pytest.raises(ClockSkewError):
        kb.retention.erase()
    assert len(kb.retention.erase(clock_is_right=True).erased) == 2
    assert kb.retention.clock_problem() == ""


def test_somebody_may_say_that_the_clock_is_right(kb: KnowledgeBase, clock: Clock) -> None:
    clock(365)
    assert len(kb.retention.erase(clock_is_right=True).erased) == 2
    assert sources(kb) == ["pump.txt"]


def test_what_is_held_stays_and_is_named(kb: KnowledgeBase, clock: Clock) -> None:
    assert kb.retention.hold("jobs/ana.txt", "case 12") == ["jobs/ana.txt"]
    assert kb.retention.hold("jobs/ana.txt", "case 13") == []
    clock(365)
    report = kb.retention.erase(clock_is_right=True)
    assert [one.source for one in report.erased] == ["jobs/bo.txt"]
    assert [(one.source, one.hold) for one in report.held] == [("jobs/ana.txt", "case 12; case 13")]
    assert sources(kb) == ["jobs/ana.txt", "pump.txt"]
    assert kb.retention.release("jobs") == ["jobs/ana.txt"]
    clock(365, hours=2)
    assert len(kb.retention.erase().erased) == 1
    assert sources(kb) == ["pump.txt"]


def test_what_is_held_is_neither_removed_nor_changed_nor_lost(
    kb: KnowledgeBase, docs: Path
) -> None:
    kb.retention.hold("jobs", "case 12")
    with pytest.raises(SourceError, match="is on legal hold; release it first"):
        kb.remove("jobs/ana.txt")
    (docs / "jobs" / "ana.txt").write_text("Ana applies for nothing.")
    (docs / "jobs" / "bo.txt").unlink()
    report = kb.ingest(docs)
    assert [(one.source, one.reason) for one in report.failed] == [
        ("jobs/ana.txt", "on legal hold")
    ]
    assert report.removed == []
    assert "welder" in kb.search("Ana applies")[0].text
    kb.retention.release("jobs")
    report = kb.ingest(docs)
    assert (report.updated, report.removed) == (["jobs/ana.txt"], ["jobs/bo.txt"])


@pytest.mark.parametrize("broken", [False, True], ids=["changed", "broken"])
def test_a_hold_that_comes_during_an_ingest_stops_that_document_alone(
    kb: KnowledgeBase, docs: Path, broken: bool
) -> None:
    (docs / "jobs" / "ana.txt").write_text("Ana applies for nothing.")
    (docs / "pump.txt").write_text("The pump weighs 32 kilograms.")

    def read(data: bytes, source: str) -> Document:
        if source == "jobs/ana.txt":
            kb.retention.hold(source, "case 12")
            if broken:
                raise ReadError(Reason.CORRUPT)
        return Document("text", (Page(data.decode()),))

    with KnowledgeBase(
        kb.path, embedder=HashingEmbedder(), config=kb.config, readers={".txt": read}
    ) as other:
        report = other.ingest(docs)
    assert [(one.source, one.reason) for one in report.failed] == [
        ("jobs/ana.txt", "on legal hold")
    ]
    assert report.updated == ["pump.txt"]
    assert "welder" in kb.search("Ana applies")[0].text
    assert kb.status().file_errors == ()


def test_a_hold_that_comes_during_an_ingest_keeps_what_vanished(
    kb: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan_and_hold(*arguments: Any) -> object:
        plan = make_plan(*arguments)
        kb.retention.hold("jobs/ana.txt", "case 12")
        return plan

    monkeypatch.setattr("ragkit.ingestion.pipeline.make_plan", plan_and_hold)
    shutil.rmtree(docs / "jobs")
    assert kb.ingest(docs).removed == ["jobs/bo.txt"]
    assert sources(kb) == ["jobs/ana.txt", "pump.txt"]


def test_documents_without_files_go_on_past_one_that_is_held(kb: KnowledgeBase) -> None:
    first = [Part("Ana applies.", doc_id="ana"), Part("Bo applies.", doc_id="bo")]
    assert kb.add_documents(first).added == ["ana", "bo"]
    kb.retention.hold("ana", "case 12")
    later = [Part("Ana is gone.", doc_id="ana"), Part("Bo is gone.", doc_id="bo")]
    report = kb.add_documents(later)
    assert [(one.source, one.reason) for one in report.failed] == [("ana", "on legal hold")]
    assert report.updated == ["bo"]


def test_an_erasure_goes_before_a_hold_and_the_log_says_so(kb: KnowledgeBase) -> None:
    kb.retention.hold("jobs/ana.txt", "case 12")
    plan = kb.erasure_plan("jobs")
    assert (plan.held, plan.former) == (("jobs/ana.txt",), ())
    kb.erase("jobs", reason="court order")
    (record,) = [record for record in kb.audit.records() if record.action == "document.erase"]
    assert len(record.detail["held"]) == 1
    assert kb.retention.holds() == []
    assert sources(kb) == ["pump.txt"]


def test_a_label_is_kept_for_ever_unless_said_otherwise(kb: KnowledgeBase, clock: Clock) -> None:
    assert kb.retention.rules() == {"jobs": 180}
    kb.retention.keep("jobs", None)
    assert kb.retention.rules() == {}
    clock(36500)
    assert kb.retention.find_expired() == []


def test_what_cannot_be_kept_is_refused(kb: KnowledgeBase) -> None:
    with pytest.raises(ValueError, match="expected 1 to 100000"):
        kb.retention.keep("jobs", 0)
    with pytest.raises(ValueError, match="expected 1 to 100000"):
        kb.retention.keep("jobs", 10**10)
    with pytest.raises(SourceError, match="no document has the label"):
        kb.retention.keep("job", 10)
    with pytest.raises(SourceError, match="is not in"):
        kb.retention.hold("nothing", "case 12")
    with pytest.raises(ValueError, match="a legal hold needs a reason"):
        kb.retention.hold("jobs", " ")
