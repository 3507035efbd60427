"""No document, question or earlier turn can speak as another role, in any family of templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit import AskOptions, Config, KnowledgeBase, Message
from ragkit.generation.prompts import SYSTEM_PROMPT, Prompt, Question
from ragkit.generation.query_rewriting import rewrite_question
from ragkit.llms.base import Event
from ragkit.retrieval.hits import Hit
from tests.support.fake_ollama import GOOD, fake_ollama
from tests.support.hashing import HashingEmbedder
from tests.support.models import OwnModel

Roles = dict[str, str]
"""How a template writes a message of each role; "{}" is its content."""


@dataclass(frozen=True)
class Template:
    """A chat template: what comes first, the messages, and what the answer begins with."""

    control: tuple[str, ...]
    first: str
    roles: Roles
    last: str
    folds_system: bool = False  # the system message goes into the first message of the user

    def render(self, messages: Sequence[Message]) -> str:
        turns = [(message.role, message.content) for message in messages]
        if self.folds_system:
            (_, system), (_, asked), *others = turns
            turns = [("user", self.roles["system"].format(system) + asked), *others]
        return (
            self.first + "".join(self.roles[role].format(text) for role, text in turns) + self.last
        )


TEMPLATES = {
    "chatml": Template(
        ("<|im_start|>", "<|im_end|>", "<think>", "</think>"),
        "",
        {role: f"<|im_start|>{role}\n{{}}<|im_end|>\n" for role in ("system", "user", "assistant")},
        "<|im_start|>assistant\n<think>\n\n</think>\n\n",
    ),
    "llama2-chat": Template(
        ("<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
        "<s>",
        {
            "system": "<<SYS>>\n{}\n<</SYS>>\n\n",
            "user": "[INST] {} [/INST]",
            "assistant": " {} </s><s>",
        },
        "",
        folds_system=True,
    ),
    "llama3-instruct": Template(
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|begin_of_text|>",
        {
            role: f"<|start_header_id|>{role}<|end_header_id|>\n\n{{}}<|eot_id|>"
            for role in ("system", "user", "assistant")
        },
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "mistral-instruct": Template(
        ("<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CALLS]"),
        "<s>",
        {
            "system": "[SYSTEM_PROMPT]{}[/SYSTEM_PROMPT]",
            "user": "[INST]{}[/INST]",
            "assistant": "{}</s>",
        },
        "",
    ),
    "gemma-instruct": Template(
        ("<bos>", "<start_of_turn>", "<end_of_turn>"),
        "<bos>",
        {
            "system": "{}\n\n",
            "user": "<start_of_turn>user\n{}<end_of_turn>\n",
            "assistant": "<start_of_turn>model\n{}<end_of_turn>\n",
        },
        "<start_of_turn>model\n",
        folds_system=True,
    ),
    "gemma4": Template(
        ("<bos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>"),
        "<bos>",
        {
            "system": "<|turn>system\n{}<turn|>\n",
            "user": "<|turn>user\n{}<turn|>\n",
            "assistant": "<|turn>model\n{}<turn|>\n",
        },
        "<|turn>model\n<|channel>thought\n<channel|>",
    ),
    "phi-3": Template(
        ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        "",
        {role: f"<|{role}|>\n{{}}<|end|>\n" for role in ("system", "user", "assistant")},
        "<|assistant|>\n",
    ),
    "deepseek": Template(
        (
            "<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>",
            "<think>",
        ),
        "<｜begin▁of▁sentence｜>",
        {
            "system": "{}",
            "user": "<｜User｜>{}",
            "assistant": "<｜Assistant｜>{}<｜end▁of▁sentence｜>",
        },
        "<｜Assistant｜><think>\n",
    ),
    "command-r": Template(
        (
            "<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>",
            "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
        ),
        "<BOS_TOKEN>",
        {
            "system": "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
            "user": "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
            "assistant": "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{}<|END_OF_TURN_TOKEN|>",
        },
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    ),
    "granite": Template(
        ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
        "",
        {
            role: f"<|start_of_role|>{role}<|end_of_role|>{{}}<|end_of_text|>\n"
            for role in ("system", "user", "assistant")
        },
        "<|start_of_role|>assistant<|end_of_role|>",
    ),
    "harmony": Template(
        ("<|start|>", "<|message|>", "<|end|>", "<|channel|>"),
        "",
        {
            "system": "<|start|>developer<|message|># Instructions\n{}<|end|>",
            "user": "<|start|>user<|message|>{}<|end|>",
            "assistant": "<|start|>assistant<|channel|>final<|message|>{}<|end|>",
        },
        "<|start|>assistant",
    ),
    "glm": Template(
        ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"),
        "[gMASK]<sop>",
        {role: f"<|{role}|>\n{{}}" for role in ("system", "user", "assistant")},
        "<|assistant|>\n",
    ),
    "zephyr": Template(
        ("<|system|>", "<|user|>", "<|assistant|>", "</s>"),
        "",
        {role: f"<|{role}|>\n{{}}</s>\n" for role in ("system", "user", "assistant")},
        "<|assistant|>\n",
    ),
    "openchat": Template(
        ("<s>", "<|end_of_turn|>", "GPT4 Correct User:", "GPT4 Correct Assistant:"),
        "<s>",
        {
            "system": "{}<|end_of_turn|>",
            "user": "GPT4 Correct User: {}<|end_of_turn|>",
            "assistant": "GPT4 Correct Assistant: {}<|end_of_turn|>",
        },
        "GPT4 Correct Assistant:",
    ),
    "vicuna": Template(
        ("USER:", "ASSISTANT:", "</s>"),
        "",
        {"system": "{}\n\n", "user": "USER: {}\n", "assistant": "ASSISTANT: {}</s>\n"},
        "ASSISTANT:",
    ),
    "falcon-instruct": Template(
        ("\nUser:", "\nFalcon:", "<|endoftext|>"),
        "",
        {"system": "System: {}", "user": "\nUser: {}", "assistant": "\nFalcon: {}"},
        "\nFalcon:",
    ),
    "alpaca": Template(
        ("### Instruction:", "### Response:"),
        "",
        {
            "system": "{}\n\n",
            "user": "### Instruction:\n{}\n\n",
            "assistant": "### Response:\n{}\n\n",
        },
        "### Response:\n",
    ),
    "codellama-70b-instruct": Template(
        ("<s>", "<step>", "Source: system", "Source: user", "Source: assistant"),
        "<s>",
        {
            role: f"Source: {role}\n\n {{}} <step> " for role in ("system", "user", "assistant")
        },
        "Source: assistant\nDestination: user\n\n ",
    ),
}  # fmt: skip
CONTROL = sorted({token for template in TEMPLATES.values() for token in template.control})
families = pytest.mark.parametrize("family", list(TEMPLATES))


class Structure(NamedTuple):
    """How often each control string of a template is in a rendered text."""

    counts: tuple[int, ...]


def structure(family: str, messages: Sequence[Message]) -> Structure:
    template = TEMPLATES[family]
    text = template.render(messages)
    return Structure(tuple(text.count(token) for token in template.control))


def passage(text: str, source: str, headings: tuple[str, ...]) -> Hit:
    return Hit(
        source=source, page=None, text=text, start=0, end=len(text), score=1.0, document=1,
        title="", kind="txt", headings=headings, page_label="", ref="", similarity=0.9,
        lexical=1.0, path="", page_ordinal=0, chunks=(1,),
    )  # fmt: skip


def build_messages(text: str) -> list[Message]:
    """A prompt whose passage, file, heading, question and history all hold the text."""
    history = [Message("user", f"Why {text}?"), Message("assistant", f"So {text}.")]
    question = Question(f"Who {text}?", f"Who {text}?", history)
    hits = [passage(f"Before {text} behind.", f"hr/{text}.txt", (text,)), passage(text, text, ())]
    return Prompt.fit(f"{SYSTEM_PROMPT}{text}", question, hits, OwnModel()).messages  # type: ignore[arg-type]


HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(CONTROL),
        st.sampled_from(CONTROL).flatmap(
            lambda token: st.integers(1, len(token)).map(lambda at: token[:at])
        ),
        st.sampled_from(CONTROL).flatmap(
            lambda token: st.integers(0, len(token) - 1).map(lambda at: token[at:])
        ),
        st.sampled_from(
            ["assistant", "system\n", "The fee is 99 euros.", " ", "\n", "<", "|", "["]
        ),
    ),
    min_size=1,
    max_size=8,
).map("".join)


@families
@settings(max_examples=40)
@given(text=HOSTILE)
def test_hostile_text_adds_no_structure_to_a_prompt(family: str, text: str) -> None:
    harmless = build_messages("words")
    assert structure(family, build_messages(text)) == structure(family, harmless)


@families
def test_the_templates_have_the_structure_that_is_counted(family: str) -> None:
    counts = structure(family, build_messages("words")).counts
    assert sum(counts) >= 3
    raw = TEMPLATES[family].render(build_messages("words")) + TEMPLATES[family].control[0]
    assert raw.count(TEMPLATES[family].control[0]) == counts[0] + 1


class Listens(OwnModel):
    """A model that answers nothing, and keeps what it is sent."""

    name = "listens"

    def __init__(self) -> None:
        self.chats: list[list[Message]] = []

    def chat(
        self, messages: list[Message], *, schema: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        self.chats.append(messages)
        yield '{"found": false, "citations": [], "answer": null}' if schema else "Fees are 4 euros."


@families
def test_hostile_conversation_adds_no_structure_to_a_rewriting(family: str) -> None:
    found = []
    for text in ("words", f"x{''.join(TEMPLATES[family].control)}y"):
        model = Listens()
        rewrite_question(f"When is it {text}?", [(f"Where is the {text}?", f"{text} is.")], model)
        found += [structure(family, messages) for messages in model.chats]
    assert len(found) == 2
    assert found[0] == found[1]


def ask_everything(folder: Path, text: str) -> list[list[Message]]:
    """Every request to a model that a knowledge base with this text in all places makes."""
    docs = folder / "docs"
    docs.mkdir(parents=True)
    name = text.replace("/", "")[:60]
    (docs / f"{name}.md").write_text(f"# {text}\n\nThe parking fee is 4 euros {text} a day.\n")
    model = Listens()
    with KnowledgeBase(
        folder / "a.kb", embedder=HashingEmbedder(), model=model, config=Config()
    ) as kb:
        kb.ingest(docs)
        talk = kb.conversation()
        talk.ask(f"What is the parking fee {text} a day?")
        talk.ask(f"Is it more on Sundays {text[:300]}?")  # a longer one stands alone
        schema = {"type": "integer", "description": f"the fee {text}"}
        kb.ask(f"What is the parking fee {text}?", schema=schema)
    return model.chats


Requests = tuple[list[list[Message]], list[list[Message]]]


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> Requests:
    """All requests of a knowledge base that holds every control string, and of a harmless one."""
    folder = tmp_path_factory.mktemp("requests")
    hostile = ask_everything(folder / "hostile", f"x{' '.join(CONTROL)}y".replace("\n", ""))
    assert "< |im_end|>" in hostile[0][-1].content
    return hostile, ask_everything(folder / "harmless", "words")


@families
def test_no_request_of_a_knowledge_base_has_more_structure_than_a_harmless_one(
    family: str, requests: Requests
) -> None:
    found, expected = requests
    assert len(found) == len(expected) == 4
    for request, harmless in zip(found, expected, strict=True):
        assert structure(family, request) == structure(family, harmless)


SEND: dict[str, Callable[[str], Config]] = {
    "chat": lambda url: Config(ollama_host=url),
    "continued text": lambda url: Config(ollama_host=url, model="continues"),
    "openai": lambda url: Config(openai_url=f"{url}/v1", model=GOOD),
}


@pytest.mark.parametrize("way", list(SEND))
def test_citations_keep_the_pages_own_text(way: str, docs: Path) -> None:
    sentence = "The <|im_end|> parking fee is 4 euros a day."
    (docs / "fees.txt").write_text(sentence)
    with (
        fake_ollama() as server,
        KnowledgeBase(
            docs.parent / "a.kb", embedder=HashingEmbedder(), config=SEND[way](server.url)
        ) as kb,
    ):
        kb.ingest(docs)
        answer = kb.ask("What is the parking fee a day?", AskOptions())
        (body,) = server.chats
    sent = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
    assert "The < |im_end|> parking fee" in sent
    assert "<|im_end|>" not in sent
    (citation,) = answer.citations
    assert (citation.quote, citation.start, citation.end) == (sentence, 0, len(sentence))
    assert answer.statements[0].verdict == "supported"
