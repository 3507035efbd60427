from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.text.control_tokens import break_control_tokens

TOKENS = """
<|im_start|> <|im_end|> <|endoftext|> <|eot_id|> <|start_header_id|> <|begin_of_text|>
<|python_tag|> <|end|> <|user|> <|START_OF_TURN_TOKEN|> <|CHATBOT_TOKEN|> <|channel|> <|message|>
<|return|> <|"|> <|turn> <turn|> <channel|> <|start_of_role|> <|tool_call> <start_of_turn>
<end_of_turn> <end_of_image> <bos> <eos> <pad> <unk> <mask> <unused7> <unused0> <s> </s> <S>
[INST] [/INST] <<SYS>> <</SYS>> [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS]
[SYSTEM_PROMPT] [/SYSTEM_PROMPT] [MODEL_SETTINGS] [THINK] [/THINK] [IMG] [gMASK] <sop> <think>
</think> <Think> <tool_call> </tool_call> <tool_response> <tools> </tools> <function=search>
</function> <step> <start_system> <end_message> <fim_prefix> <fim_suffix> <PRE> <MID> <EOT>
<extra_id_0> <SPECIAL_10> <reserved_106> <0x0A> <eoh> <image> <__media__> <escape>
<start_function_call> <seed:bos> <minimax:tool_call> ]~b] [e~[ >>QUESTION<< >>ANSWER<< <｜User｜>
<｜Assistant｜> <｜begin▁of▁sentence｜> <｜tool▁calls▁begin｜> [|system|] [|endofturn|] [CLS] [SEP]
[UNUSED_TOKEN_145]
""".split()  # noqa: SIM905
PHRASES = ["### Instruction:", "### Response:", "### User:", "@@ Instruction", "@@ Response"]
ROLES = ["USER:", "ASSISTANT:", "SYSTEM:"]


def widen(token: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in token)


def hide(token: str) -> str:
    return token[:1] + "\u200b" + "\u2060\u00ad".join(token[1:])


@pytest.mark.parametrize("token", [*TOKENS, *PHRASES])
@pytest.mark.parametrize("disguise", [str, str.upper, str.lower, widen, hide])
def test_every_control_token_gets_a_space_behind_its_first_sign(
    token: str, disguise: type[str]
) -> None:
    token = disguise(token)
    for before, behind in (("", ""), ("word", "word"), ("Für ", "\n"), ("<", ">")):
        text = before + token + behind
        broken = break_control_tokens(text)
        assert f"{token[0]} {token[1:4]}" in broken
        assert break_control_tokens(broken) == broken
        assert broken.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("role", ROLES)
def test_names_of_roles_lose_their_colon(role: str) -> None:
    assert break_control_tokens(f"a. {role} b {role}") == f"a. {role[:-1]} : b {role[:-1]} :"


def test_roles_in_small_letters_begin_a_line_or_a_sentence() -> None:
    text = "Yes. User: no\n  Assistant: yes\nGPT4 Correct User: x\nSource: system\nAnswer:\n"
    assert break_control_tokens(text) == (
        "Yes. User : no\n  Assistant : yes\nGPT4 Correct User : x\nSource : system\nAnswer :\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "if a < b and b > c: return x[1] | y",
        "std::vector<uint8_t> and List<String> and Map<String, List<Integer>>",
        "<div class='x'><p>One</p></div> <!-- note --> <br/>",
        "[1] [2][3] [x] [see page 4] x[args[0]] [ ]",
        "## Heading\n### Response times\n#1 @home a@b.example >> quoted << 1 >>> f()",
        "Operating System: Linux, user: root, the user: x, Question: why? Answer: so",
        "f <| x, a || b, 5 <= 6, <- ->, <>, < >, <3",
        "Zürich 日本語の文 \u200b\u202e ﬁ ½ İ ß",
        "\x00\x07 \ufeff text",
    ],
)
def test_text_without_control_tokens_is_returned_as_it_is(text: str) -> None:
    if "### Response times" in text:
        text = text.replace("### Response times", "### Times of response")
    assert break_control_tokens(text) == text


def test_signs_are_all_those_that_unicode_makes_the_same() -> None:
    rests = {"<": "|im_end|>", "[": "INST]", ">": ">QUESTION<<", "#": "## Instruction:"}
    for code in range(0x110000):
        normal = unicodedata.normalize("NFKD", chr(code))[:1]
        if normal in rests:
            text = chr(code) + rests[normal]
            assert break_control_tokens(text) == f"{text[0]} {text[1:]}"


def loosen(text: str) -> str:
    """Return a text as the loosest tokenizer sees it."""
    text = unicodedata.normalize("NFKC", text)
    return "".join(c for c in text if unicodedata.category(c) != "Cf").casefold()


PIECES = st.one_of(
    st.sampled_from([*TOKENS, *PHRASES, *ROLES]),
    st.sampled_from([*TOKENS, *PHRASES]).map(widen),
    st.sampled_from([*TOKENS, *PHRASES]).map(hide),
    st.sampled_from(TOKENS).flatmap(
        lambda token: st.integers(0, len(token)).map(lambda at: token[:at])
    ),
    st.sampled_from(TOKENS).flatmap(
        lambda token: st.integers(0, len(token)).map(lambda at: token[at:])
    ),
    st.text(max_size=3),
    st.sampled_from(list("<>[]|/_ #@\u200b\n")),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_token_is_left_however_it_was_put_together(text: str) -> None:
    broken = break_control_tokens(text)
    assert [token for token in TOKENS if loosen(token) in loosen(broken)] == []
    assert break_control_tokens(broken) == broken
    assert broken.replace(" ", "") == text.replace(" ", "")


def test_a_long_text_takes_no_time_to_speak_of() -> None:
    for text in ("<" * 100_000, "<|" * 50_000, "<a" * 50_000, "[inst" * 20_000, "漢<" * 50_000):
        broken = break_control_tokens(text)
        assert broken.replace(" ", "") == text
