"""The page with access control: it shows what may be read, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragkit import Config, Principal
from ragkit_apps.ui.state.service import Service, set_service
from tests.access.worlds import ANA, BOB, NOBODY, TWIN, Library, Paper, canaries
from tests.support.models import OwnModel
from tests.ui.conftest import Visit, testing

PARTS = {"": {}, "documents": {}, "search": {"q": "pump lureb"}, "overview": {}}
PRESSED = ("Remove", "Delete this upload", "Stop", "Add documents", "Ingest")


def shown(page: Any) -> str:
    """All that the browser is sent, as it is sent."""
    assert not page.exception
    return "\n".join(
        str(element.proto)
        for part in (page.main, page.sidebar)
        for element in part
        if getattr(element, "proto", None) is not None
    )


def press(page: Any, label: str) -> Any:
    (button, *_) = [button for button in page.button if label in button.label]
    return button.click().run()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Two papers that were uploaded, "a" for ana and "b" for bob."""
    found = Library(tmp_path)
    for letter in "ab":
        text = f"The pump of zq{letter}xtext has a lure{letter} valve."
        found.put(Paper(letter, ((text, TWIN), ("A river and a pump.",))))
    found.ingest()
    for letter, label, name in (("a", "red", ANA), ("b", "blue", BOB)):
        found.label(letter, label)
        found.grant(label, name)
    found.set_mode("enforced")
    yield found
    found.close()


@pytest.fixture
def service(library: Library) -> Service:
    """The page as ana sees it, without a model."""
    config = Config(kb=str(library.kb.path), ollama_host=NOBODY, folders=str(library.docs))
    found = Service(config, kb=library.kb, principal=Principal.parse(ANA))
    library.kb.model = library.echo
    set_service(found)
    return found


Ask = Callable[[Any, str], Any]


def ask(page: Any, question: str = "What of the pump lureb?") -> Any:
    return page.chat_input[0].set_value(question).run()


@pytest.mark.parametrize("part", PARTS)
def test_each_part_shows_what_may_be_read(service: Service, visit: Visit, part: str) -> None:
    page = visit(part, **PARTS[part])
    assert canaries(shown(page)) == (set() if part == "overview" else {"a"})


@pytest.mark.parametrize("part", PARTS)
def test_each_part_shows_nothing_to_whom_nothing_was_granted(
    service: Service, visit: Visit, part: str
) -> None:
    service.principal = Principal.parse("user:carl")
    assert canaries(shown(visit(part, **PARTS[part]))) == set()
    service.principal = None  # somebody at a browser
    assert canaries(shown(visit(part, **PARTS[part]))) == set()


def test_an_answer_shows_what_may_be_read(service: Service, visit: Visit) -> None:
    page = ask(visit())
    assert canaries(shown(page)) == {"a"}
    page = press(page, "zqaxtitle")
    assert canaries(shown(page)) == {"a"}


def numbers(library: Library) -> dict[str, int]:
    """A document of bob's, a conversation of bob's, and what nobody has."""
    talk = library.kb.as_principal(BOB).conversation()
    talk.ask("What of the pump?")
    assert talk.id is not None
    return {"doc": library.ids()["b"], "c": talk.id}


@pytest.mark.parametrize("key", ["doc", "c"])
def test_an_address_of_somebody_else_is_worth_as_much_as_one_of_nobody(
    library: Library, service: Service, visit: Visit, key: str
) -> None:
    part = "documents" if key == "doc" else ""
    wanted, none = numbers(library)[key], 10**9
    pages = [shown(visit(part, **{key: str(number)})) for number in (wanted, none)]
    first, second = (
        re.sub(rf"\b({wanted}|{none})\b", "ID", re.sub(r"\b[0-9a-f]{32}\b", "HASH", text))
        for text in pages
    )
    assert first == second
    assert canaries(first) <= {"a"}


# -- after a revocation --------------------------------------------------------------------------


def test_what_was_opened_is_not_even_named_after_a_revocation(
    library: Library, service: Service, visit: Visit
) -> None:
    library.grant("blue", ANA)
    page = press(ask(visit()), "zqbxtitle")
    assert canaries(shown(page)) == {"a", "b"}
    library.revoke("blue", ANA)
    page = page.run()
    assert canaries(shown(page)) == {"a"}


def test_a_document_that_is_looked_at_is_gone_after_a_revocation(
    library: Library, service: Service, visit: Visit
) -> None:
    page = visit("documents", doc=str(library.ids()["a"]))
    assert "zqaxtext" in shown(page)
    library.revoke("red", ANA)
    assert canaries(shown(page.run())) == set()


def test_what_was_written_of_a_stopped_answer_is_not_shown_again_after_a_revocation(
    library: Library, service: Service, visit: Visit
) -> None:
    class Halting(OwnModel):
        """A model that fails after it has repeated what it was sent."""

        name = "halting"

        def chat(self, messages: list[Any], *, schema: object = None) -> Iterator[str]:
            yield messages[-1].content
            raise OSError("the model's process is gone")

    library.kb.model = Halting()
    page = ask(visit())
    assert canaries(shown(page)) == {"a"}
    assert "process is gone" in shown(page)
    library.grant("red", BOB)
    library.revoke("red", ANA)
    library.grant("blue", ANA)
    assert canaries(shown(page.run())) <= {"b"}


def test_a_file_is_not_given_out_after_a_revocation(
    library: Library, service: Service, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button gives its content when it is pressed, which may be later."""
    import streamlit as st

    given: list[Callable[[], bytes]] = []
    monkeypatch.setattr(st, "download_button", lambda label, data, **named: given.append(data))
    visit("documents", doc=str(library.ids()["a"]))
    (original,) = given
    assert b'"a"' in original()
    library.revoke("red", ANA)
    with pytest.raises(Exception, match="there is no document"):
        original()


# -- nothing is changed --------------------------------------------------------------------------


def test_nothing_can_be_added_or_removed(library: Library, service: Service, visit: Visit) -> None:
    for page in (visit("documents"), visit("documents", doc=str(library.ids()["a"]))):
        labels = {button.label for button in page.button}
        assert not labels.intersection(PRESSED)
        assert not page.get("file_uploader")
        assert not page.get("selectbox") or page.get("selectbox")[0].label == "Sort by"


def test_a_dialog_from_before_access_control_removes_nothing(
    library: Library, service: Service
) -> None:
    library.set_mode("off")
    script = (
        "from ragkit_apps.ui.state.service import get_service\n"
        "from ragkit_apps.ui.components import document\n"
        "kb = get_service().open_kb()\n"
        "document._confirm_removal(kb, kb.documents()[0])"
    )
    page = testing.AppTest.from_string(script, default_timeout=30).run()
    library.set_mode("enforced")
    page = press(page, "Remove")
    assert library.ids().keys() == {"a", "b"}
    library.set_mode("off")
    press(page, "Remove")
    assert library.kb.status().documents == 1


def test_a_page_from_before_access_control_deletes_no_upload(
    library: Library, service: Service, visit: Visit
) -> None:
    library.set_mode("off")
    upload = library.kb.uploads / "empty.txt"
    upload.write_bytes(b"")
    library.kb.ingest(library.kb.uploads, workers=1)
    page = visit("documents")
    library.set_mode("enforced")
    press(page, "Delete this upload")
    assert upload.exists()
    assert service.ingests.latest is None
