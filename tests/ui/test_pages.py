"""What each part of the page shows and does, without a browser."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ragkit import Config, KnowledgeBase
from ragkit_apps.ui.pages import ask as ask_module
from ragkit_apps.ui.state import session
from ragkit_apps.ui.state.answering import PendingAnswer
from ragkit_apps.ui.state.service import Service, get_service
from tests.support.hashing import HashingEmbedder
from tests.support.rerankers import CountingReranker
from tests.ui.conftest import Visit, words

QUESTION = "How many days of annual leave does everybody have?"


def ask(page: Any, question: str = QUESTION) -> Any:
    page = page.chat_input[0].set_value(question).run()
    assert not page.exception
    return page


def answers(page: Any) -> list[str]:
    """The HTML of the answers, as the page's own component is given it."""
    shown = page.get("bidi_component")
    return [json.loads(each.proto.json)["html"] for each in shown if "answer" in each.proto.id]


def alerts(page: Any) -> list[str]:
    """What is said at once: errors."""
    shown = [element.proto.body for element in page.get("html")]
    return [html for html in shown if 'role="alert"' in html]


def press(page: Any, label: str) -> Any:
    found = [button for button in page.button if label in button.label]
    assert found, f"no button {label!r} among {[button.label for button in page.button]}"
    page = found[0].click().run()
    assert not page.exception
    return page


def until_ingested(service: Service) -> None:
    deadline = time.monotonic() + 30
    while service.ingests.latest is None or service.ingests.latest.is_running:
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- ask -----------------------------------------------------------------------------------------


def test_first_questions_come_from_the_documents(service: Service, visit: Visit) -> None:
    labels = [button.label for button in visit().button]
    assert any("Security rules" in each and "passwords" in each.lower() for each in labels)


def test_a_suggested_question_is_asked_with_a_click(service: Service, visit: Visit) -> None:
    page = press(visit(), "Security rules")
    assert "Security rules, Passwords" in answers(page)[0]


def test_an_answer_has_chips_that_open_its_source(service: Service, visit: Visit) -> None:
    page = ask(visit())
    assert "data-cite=" in answers(page)[0]
    page = press(page, "leave\\.txt")
    assert "Everybody has 28 days of annual leave.</mark>" in words(page)
    page = press(page, "Close the source")
    assert 'class="passage"' not in words(page)


def test_the_model_and_its_times_can_be_seen(service: Service, visit: Visit) -> None:
    said = words(ask(visit()))
    assert "<b>Model</b>" in said
    assert "to the first word" in said
    assert "<b>Passages</b>" in said


def test_an_abstention_looks_different_from_an_answer(service: Service, visit: Visit) -> None:
    page = ask(visit(), "Zebra quantum xylophone?")
    assert answers(page) == []
    assert "I found nothing about this in your documents" in words(page)
    assert "Nearest passages" in words(page)


def test_without_a_model_an_answer_is_labelled_as_an_extract(
    service: Service, visit: Visit
) -> None:
    service.config = Config(kb=service.config.kb, ollama_host="127.0.0.1:9")
    with KnowledgeBase(service.path, config=service.config, embedder=HashingEmbedder()) as kb:
        service.kb = kb
        page = visit()
        assert "No language model is available" in words(page)
        said = words(ask(page))
    assert "Quoted from your documents (no AI model running)" in said
    assert "ollama serve" in said


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("crashed", "out of memory"),
        ("gone", "gone"),
        ("busy", "try again"),
    ],
)
def test_a_model_that_fails_is_an_error_in_plain_words(
    service: Service, visit: Visit, model: str, said: str
) -> None:
    kb = service.open_kb()
    assert kb is not None
    kb.model = model
    page = ask(visit())
    [alert] = alerts(page)
    assert said in alert
    assert "Traceback" not in words(page)
    assert any(button.label == "Ask again" for button in page.button)
    kb.model = "llama3.2:latest"
    assert answers(press(page, "Ask again")) != []


def test_an_answer_that_breaks_off_is_marked_as_incomplete(service: Service, visit: Visit) -> None:
    kb = service.open_kb()
    assert kb is not None
    kb.model = "breaks"
    assert '<span class="badge">Incomplete</span>' in words(ask(visit()))


def test_a_conversation_goes_on_where_its_address_says(service: Service, visit: Visit) -> None:
    page = ask(visit())
    number = page.query_params["c"]
    person = page.session_state["visitor"]
    again = visit()
    again.session_state["visitor"] = person
    again.session_state["conversation"] = None
    again.query_params["c"] = number
    again = again.run()
    assert answers(again) == answers(page)


def test_a_click_in_the_moment_in_which_an_answer_is_done_does_not_leave_it(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_module, "ADDRESS_DELAY", 60)
    page = ask(visit())
    shown, number = answers(page), page.query_params["c"]
    page.query_params.clear()  # the browser has not heard of the new address yet
    page = page.run()
    assert answers(page) == shown
    assert page.query_params["c"] == number
    page.query_params.clear()
    monkeypatch.setattr(ask_module, "ADDRESS_DELAY", 0)  # who goes back has seen the answer
    assert answers(page.run()) == []


def test_another_persons_conversation_is_not_shown(service: Service, visit: Visit) -> None:
    number = ask(visit()).query_params["c"]
    other = visit(c=str(number))
    assert answers(other) == []
    assert QUESTION not in words(other)
    assert other.query_params.get("c") != number


def test_a_conversation_is_renamed_and_deleted(service: Service, visit: Visit) -> None:
    page = ask(visit())
    page = page.text_input[0].set_value("Leave *in* general").run()
    assert "Leave \\*in\\* general" in words(page)
    page = press(page, "Delete")
    assert answers(page) == []
    assert "Leave" not in " ".join(button.label for button in page.sidebar.button)


def test_a_thumb_is_kept_in_the_base(service: Service, visit: Visit) -> None:
    page = ask(visit())
    conversation = page.session_state["conversation"]
    page.get("feedback")[0].set_value(1).run()
    assert conversation.turns()[0].rating.up is True
    page.text_area[0].set_value("exactly").run()
    assert conversation.turns()[0].rating.comment == "exactly"


def test_another_thumb_keeps_the_comment(service: Service, visit: Visit) -> None:
    page = ask(visit())
    conversation = page.session_state["conversation"]
    page.get("feedback")[0].set_value(0).run()
    page.text_area[0].set_value("not quite").run()
    page.get("feedback")[0].set_value(1).run()
    rating = conversation.turns()[0].rating
    assert (rating.up, rating.comment) == (True, "not quite")


def test_an_answer_that_could_not_be_kept_is_shown_with_the_reason(
    service: Service, visit: Visit
) -> None:
    page = ask(visit())
    kb = service.open_kb()
    assert kb is not None
    conversation = page.session_state["conversation"]
    kb.as_principal(conversation.who).delete_conversation(conversation.id)
    page = ask(page, "And from the 15th year of service?")
    assert len(answers(page)) == 1
    assert "Not stored in the conversation" in words(page)


def test_a_reload_finds_the_answer_that_is_being_written(
    service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = service.open_kb()
    assert kb is not None
    monkeypatch.setattr(session, "identify_visitor", lambda: "page:me")
    monkeypatch.setattr(ask_module, "identify_visitor", lambda: "page:me")
    kb.model = "endless"
    answering = PendingAnswer(kb.as_principal("page:me").conversation(), QUESTION)
    service.pending_answers["page:me"] = answering
    while not answering.text:
        answering.wait(0, 5)
    stopper = threading.Timer(1.0, answering.stop)
    stopper.start()
    assert "Stopped; not saved" in words(visit())
    stopper.join()


def test_answers_that_have_ended_are_not_remembered(service: Service, visit: Visit) -> None:
    for _ in range(3):
        ask(visit())
    assert len(service.pending_answers) == 1


def test_a_base_that_is_replaced_is_opened_anew(
    service: Service, tmp_path: Path, visit: Visit
) -> None:
    with KnowledgeBase(
        tmp_path / "other.kb", config=service.config, embedder=HashingEmbedder()
    ) as other:
        (tmp_path / "one.txt").write_text("One document alone.")
        other.ingest(tmp_path / "one.txt")
    service.path.rename(tmp_path / "old.kb")
    (tmp_path / "other.kb").rename(service.path)
    assert "1 document, 1 page" in words(visit("documents"))


# -- documents -----------------------------------------------------------------------------------


def test_documents_are_listed_found_and_opened(service: Service, visit: Visit) -> None:
    page = visit("documents")
    assert "3 documents" in words(page)
    page = page.text_input[0].set_value("RULES markdown").run()
    assert "1 document, 1 page" in words(page)
    page = press(page, "rules\\.md")
    assert "A password has at least 14 characters." in words(page)
    page = page.get("button_group")[0].set_value("Chunks").run()
    assert "Chunk 1" in words(page)


def test_nothing_is_removed_without_a_confirmation(service: Service, visit: Visit) -> None:
    page = press(press(visit("documents"), "longer\\.txt"), "Remove")
    assert "the next ingest of its folder adds it again" in words(page)
    kb = service.open_kb()
    assert kb is not None
    assert len(kb.documents()) == 3


def test_files_that_could_not_be_read_come_first_with_the_reason(
    service: Service, three: Path, visit: Visit
) -> None:
    (three / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    kb = service.open_kb()
    assert kb is not None
    kb.ingest(three)
    said = words(visit("documents"))
    assert "1 file could not be read" in said
    assert "broken.pdf" in said


def test_files_that_could_not_be_read_are_named_where_there_is_nothing_else(
    empty: Service, tmp_path: Path, visit: Visit
) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    with KnowledgeBase(empty.path, config=empty.config, embedder=HashingEmbedder()) as kb:
        kb.ingest(tmp_path / "broken.pdf")
    said = words(visit("documents"))
    assert "broken.pdf" in said
    assert "No documents yet" in said


def test_an_upload_that_could_not_be_read_can_be_deleted(service: Service, visit: Visit) -> None:
    kb = service.open_kb()
    assert kb is not None
    (kb.uploads / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    kb.ingest(kb.uploads)
    press(visit("documents"), "Delete this upload")
    until_ingested(service)
    assert kb.status().file_errors == ()
    assert list(kb.uploads.iterdir()) == []


def test_a_sound_upload_is_not_deleted_for_another_file_of_its_name(
    service: Service, three: Path, visit: Visit
) -> None:
    kb = service.open_kb()
    assert kb is not None
    (kb.uploads / "report.pdf").write_text("The pump weighs 31 kilograms.")
    (three / "report.pdf").write_bytes(b"%PDF-1.4 nothing else")
    kb.ingest(three)
    said = visit("documents")
    assert "report.pdf" in words(said)
    assert "Delete this upload" not in [button.label for button in said.button]


def test_a_folder_in_the_base_can_be_brought_up_to_date(
    service: Service, three: Path, visit: Visit
) -> None:
    (three / "new.txt").write_text("Something new.")
    page = visit("documents")
    page.selectbox[0].set_value(str(three))
    press(page, "Ingest")
    until_ingested(service)
    assert "1 added, 3 unchanged" in words(visit("documents"))


def test_only_folders_that_were_allowed_are_offered(
    service: Service, tmp_path: Path, three: Path, visit: Visit
) -> None:
    (tmp_path / "more" / "hr").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "one.txt").write_text("One file of many.")
    kb = service.open_kb()
    assert kb is not None
    kb.ingest(tmp_path / "secret" / "one.txt")
    service.config = Config(kb=service.config.kb, folders=str(tmp_path / "more"))
    offered = visit("documents").selectbox[0].options
    assert offered == [str(tmp_path / "more"), str(tmp_path / "more" / "hr"), str(three)]


def test_what_goes_wrong_in_an_ingest_is_said_to_everybody(
    service: Service, visit: Visit, three: Path
) -> None:
    kb = service.open_kb()
    assert kb is not None
    service.ingests.start(kb, [three / "gone"], "a folder")
    until_ingested(service)
    assert "gone does not exist; name a file or folder" in alerts(visit("documents"))[0]


def test_where_there_is_no_base_the_page_says_what_to_do(empty: Service, visit: Visit) -> None:
    for part in ("", "search", "overview", "documents"):
        said = words(visit(part))
        assert (
            "No documents yet" in said if part == "documents" else "No knowledge base yet" in said
        )
        assert f"ragkit ingest FOLDER --kb {empty.path}" in said


def test_a_document_that_is_gone_is_an_error_in_plain_words(service: Service, visit: Visit) -> None:
    page = visit("documents", doc="424242")
    assert "there is no document 424242" in alerts(page)[0]


# -- search --------------------------------------------------------------------------------------


def test_a_search_shows_what_each_stage_gave(service: Service, visit: Visit) -> None:
    page = visit("search")
    page = page.text_input[0].set_value("annual leave").run()
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["Rank"])[:1] == [1]
    parts = table[["By meaning", "By words", "By exact terms", "By document name"]]
    assert abs(parts.sum(axis=1) - table["Score"]).max() < 1e-5
    page = press(page, "leave\\.txt")
    assert 'class="passage"' in words(page)


def test_a_search_shows_the_scores_of_a_reranker(service: Service, visit: Visit) -> None:
    reranker = CountingReranker("28")
    config = service.config
    with KnowledgeBase(
        service.path, config=config, embedder=HashingEmbedder(), reranker=reranker
    ) as kb:
        service.kb = kb
        page = visit("search")
        page = page.text_input[0].set_value("annual leave").run()
    assert not page.exception
    assert "· reranker 1.00" in words(page)
    assert "A reranker then read the first passages" in words(page)
    table = page.dataframe[0].value
    assert table["Reranker"].max() == 1


CODES = ("XQ-7781-Z", "XQ-7782")


def test_a_search_names_an_exact_term_in_no_document(service: Service, visit: Visit) -> None:
    page = visit("search")
    page = page.text_input[0].set_value(" and ".join(CODES)).run()
    assert not page.exception
    lines = [f'<p class="quiet">“{code}” occurs in no document.</p>' for code in CODES]
    assert "\n".join(lines) in words(page)


# -- overview ------------------------------------------------------------------------------------


def test_the_overview_counts_documents_and_questions(service: Service, visit: Visit) -> None:
    before = {metric.label: metric.value for metric in visit("overview").metric}
    assert before["Documents"] == "3"
    assert before["Readable pages"] == "100 %"
    assert "Asked" not in before
    ask(visit())
    ask(visit(), "Zebra quantum xylophone?")
    after = {metric.label: metric.value for metric in visit("overview").metric}
    assert (after["Asked"], after["Answered"], after["Abstained"]) == ("2", "50.0 %", "50.0 %")


def test_the_overview_tells_nobodys_words(service: Service, visit: Visit) -> None:
    ask(visit())
    assert "annual" not in words(visit("overview"))


def test_a_base_that_comes_into_being_is_found(empty: Service, visit: Visit, three: Path) -> None:
    visit()
    with KnowledgeBase(empty.path, config=empty.config, embedder=HashingEmbedder()) as kb:
        kb.ingest(three)
    get_service().config = empty.config
    assert "3 documents" in words(visit("documents"))
