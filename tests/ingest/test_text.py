from __future__ import annotations

import json
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit_ingest.dispatch import read_document
from ragkit_ingest.model import BlockKind, Document, Page, ReadError, Reason
from ragkit_ingest.text.encoding import decode

GERMAN = "Der Geschäftsführer prüft die Rechnung über 5.000 €; Grüße aus München.\n"
WORDS = st.text("ab1 \t\n#->`|*=~_:\\[]{}ä\u200b\u3000", max_size=200)


def shown(page: Page) -> list[tuple[BlockKind, str]]:
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def between(page: Page) -> list[str]:
    """What lies outside the blocks; also checks that they are in order and hold something."""
    gaps, at = [], 0
    for block in page.blocks:
        assert at <= block.start < block.end <= len(page.text)
        assert page.text[block.start : block.end].strip()
        gaps.append(page.text[at : block.start])
        at = block.end
    return [*gaps, page.text[at:]]


def read_or_none(text: str, name: str) -> Document | None:
    try:
        return read_document(text.encode(), name)
    except ReadError as error:
        if error.reason not in (Reason.EMPTY, Reason.NO_TEXT):
            raise
        return None


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
def test_unicode_encodings_need_no_warning(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding)) == (GERMAN, ())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        ("L'année dernière, le président a payé où il fallait.", "cp1252"),
        ("El año pasado la compañía pagó; ¿qué pasó mañana?", "cp1252"),
        ("Årets resultat för företaget är högre än väntat.", "cp1252"),
        ("Spółka przedstawiła wyniki za ubiegły rok; zażółć gęślą jaźń.", "cp1250"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250"),
        ("Компания представила отчёт о прибыли за прошлый год.", "cp1251"),
        ("Η εταιρεία παρουσίασε τα αποτελέσματα του έτους.", "cp1253"),
        ("会社は昨年の結果を発表しました。売上高は増加した。", "cp932"),
        ("公司公布了去年的业绩，收入有所增长。", "gb18030"),
        ("公司公布了去年的業績，收入有所增長。", "big5"),
        ("회사는 작년 실적을 발표했다.", "cp949"),
        ("会社は昨年の結果を発表しました。", "euc_jp"),
        ("החברה הציגה את התוצאות של השנה", "cp1255"),
        ("Şirket geçen yılın sonuçlarını açıkladı", "cp1254"),
        ("Договор подписан в Москве", "koi8_r"),
        ("Договор подписан в Москве", "cp866"),
        ("Nr;Größe\n1;täglich geöffnet\n", "cp850"),
        ("Le café est fermé, voilà où", "cp850"),
        ("╔══╗\n║Größe║", "cp850"),
        ("Geschäfte für Grüße, täglich", "mac_roman"),
        ("Le café français est fermé", "mac_roman"),
        ("Zażółć gęślą jaźń", "iso8859_2"),
        ("Ekki er unnt að finna þessa síðu", "cp1252"),
        ("The supplier’s “best” price – 30 €", "cp1252"),
        ("«TRUE» (cert) si l'operació continuarà", "cp1252"),
    ],
)
def test_legacy_encoding_is_guessed_and_named(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, (f"not UTF-8; read as {encoding}",))


def test_utf_16_without_a_mark_and_7_bit_japanese_are_read() -> None:
    for text in ("公司公布了去年的业绩。\n收入有所增长。\n", "회사는 작년 실적을 발표했다.\n"):
        for encoding in ("utf-16-le", "utf-16-be"):
            assert decode(text.encode(encoding)) == (text, ())
    japanese = "会社は昨年の結果を発表しました。"
    assert decode(japanese.encode("iso2022_jp")) == (japanese, ("read as iso-2022-jp",))


def test_first_umlaut_after_megabytes_of_ascii_is_still_guessed() -> None:
    data = b"plain line\n" * 100_000 + "Grüße aus Köln\n".encode("cp1252")
    assert decode(data)[0].endswith("Grüße aus Köln\n")


def test_a_few_damaged_bytes_do_not_change_the_encoding() -> None:
    text, warnings = decode((GERMAN * 9).encode() + b"\xff\n")
    assert text == GERMAN * 9 + "\ufffd\n"
    assert warnings == ("not all of it is UTF-8; bytes replaced: 1",)


@given(st.binary(max_size=300))
def test_decode_never_fails(data: bytes) -> None:
    text, warnings = decode(data)
    assert isinstance(text, str)
    assert all(warnings)


def test_text_is_cut_into_paragraphs_where_they_lie() -> None:
    page = read_document(b"\r\n  One\r\nmore \r\n \r\n\r\nTwo\xe2\x80\x8b.\n", "a.txt").pages[0]
    assert page.text == "\n  One\nmore \n \n\nTwo.\n"
    assert page.hidden == 1
    assert shown(page) == [(BlockKind.PARAGRAPH, "One\nmore"), (BlockKind.PARAGRAPH, "Two.")]


def test_one_giant_line_is_one_block() -> None:
    page = read_document(b"word " * 200_000, "a.log").pages[0]
    assert len(page.blocks) == 1


def test_code_is_cut_between_top_level_definitions() -> None:
    source = "import os\n\ndef f():\n    a = 1\n\n    return a\n\n\ndef g(\n    x\n\n):\n    pass\n"
    page = read_document(source.encode(), "a.py").pages[0]
    assert page.text == source
    assert shown(page) == [
        (BlockKind.CODE, "import os"),
        (BlockKind.CODE, "def f():\n    a = 1\n\n    return a"),
        (BlockKind.CODE, "def g(\n    x\n\n):\n    pass"),
    ]


MARKDOWN = """---
title: "Paid leave"
---

# Leave {#leave}

Everyone gets 30 days,
really.

Rules
-----

- first
  goes on
- second

  more of second

1. one

| Part | Price |
|------|------:|
| Bolt | 1 \\| 2 |

```python
# no heading

x = 1
```

    indented code

***
Last ##
"""


def test_markdown_blocks_are_ranges_of_the_file() -> None:
    document = read_document(MARKDOWN.encode(), "leave.md")
    page = document.pages[0]
    assert document.title == "Paid leave"
    assert page.text == MARKDOWN
    assert shown(page) == [
        (BlockKind.PARAGRAPH, 'title: "Paid leave"'),
        (BlockKind.HEADING, "Leave"),
        (BlockKind.PARAGRAPH, "Everyone gets 30 days,\nreally."),
        (BlockKind.HEADING, "Rules"),
        (BlockKind.ITEM, "- first\n  goes on"),
        (BlockKind.ITEM, "- second"),
        (BlockKind.PARAGRAPH, "more of second"),
        (BlockKind.ITEM, "1. one"),
        (BlockKind.ROW, "| Part | Price |"),
        (BlockKind.ROW, "| Bolt | 1 \\| 2 |"),
        (BlockKind.CODE, "```python\n# no heading\n\nx = 1\n```"),
        (BlockKind.CODE, "    indented code"),
        (BlockKind.PARAGRAPH, "Last ##"),
    ]
    assert [block.level for block in page.blocks if block.level] == [1, 2]
    assert [block.header for block in page.blocks if block.header] == ["Part | Price"]


def test_markdown_title_is_the_first_heading_without_front_matter() -> None:
    assert read_document(b"Intro\n\n## Scope ##\n", "a.md").title == "Scope"
    assert read_document(b"No heading", "a.md").title == ""


def test_unclosed_fence_runs_to_the_end() -> None:
    page = read_document(b"~~~\na\n\n# b\n", "a.md").pages[0]
    assert shown(page) == [(BlockKind.CODE, "~~~\na\n\n# b")]


@given(WORDS)
def test_markdown_drops_only_separators(text: str) -> None:
    document = read_or_none(text, "a.md")
    if document:
        for gap in between(document.pages[0]):
            assert not set(gap) - set(" \t\n\u3000#-=_*|:+{}") or "{" in gap
        assert read_or_none(text, "a.md") == document


@given(WORDS, st.sampled_from(["a.txt", "a.py"]))
def test_only_white_space_lies_between_blocks(text: str, name: str) -> None:
    document = read_or_none(text, name)
    if document:
        assert not "".join(between(document.pages[0])).strip()
        assert read_or_none(text, name) == document


def test_json_becomes_paths_and_tables() -> None:
    value = {
        "title": "Stock",
        "site": {"city": "Köln", "floors": [1, 2]},
        "parts": [{"id": 1, "name": "Bolt"}, {"id": 2, "name": "Nut\nM8"}],
        "open": None,
    }
    document = read_document(json.dumps(value).encode(), "stock.json")
    page = document.pages[0]
    assert document.title == "Stock"
    assert shown(page) == [
        (BlockKind.PARAGRAPH, "title: Stock\nopen: null"),
        (BlockKind.PARAGRAPH, "site.city: Köln\nsite.floors: 1, 2"),
        (BlockKind.PARAGRAPH, "parts:"),
        (BlockKind.ROW, "id | name"),
        (BlockKind.ROW, "1 | Bolt"),
        (BlockKind.ROW, "2 | Nut M8"),
    ]
    assert [block.header for block in page.blocks][-2:] == ["id | name"] * 2


def test_json_lines_are_rows() -> None:
    page = read_document(b'{"a": 1}\n\n{"a": 2}\n', "log.jsonl").pages[0]
    assert page.text == "a\n1\n2"


@pytest.mark.parametrize("text", ["{'a': 1}", "[" * 100_000, '{"a": 1', "1" * 5000])
def test_invalid_json_is_read_as_text_with_a_warning(text: str) -> None:
    document = read_document(text.encode(), "a.json")
    assert document.kind == "text"
    assert "read as text" in document.warnings[0]


def test_json_deeper_than_the_limit_stays_on_one_line() -> None:
    text = '{"a":' * 40 + "1" + "}" * 40
    lines = read_document(text.encode(), "a.json").pages[0].text.split("\n")
    assert len(lines) == 1
    assert lines[0].endswith(': {"a": ' + '{"a": ' * 18 + "1" + "}" * 19)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=20,
)


@given(VALUES)
def test_any_json_gives_blocks_that_hold(value: object) -> None:
    document = read_or_none(json.dumps(value), "a.json")
    if document:
        assert not "".join(between(document.pages[0])).strip()


def test_reading_text_imports_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from ragkit_ingest.dispatch import read_document\n"
        "read_document('Grüße'.encode(), 'a.txt')\n"
        "heavy = {'docx', 'pptx', 'lxml', 'selectolax', 'python_calamine', 'pypdfium2', 'pypdf'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "Schlu\u0308ssel"),
        ("a.md", "# Schlu\u0308ssel"),
        ("a.py", "# Schlu\u0308ssel"),
        ("a.json", '{"a": "Schlu\u0308ssel"}'),
        ("a.csv", "Schlu\u0308ssel,Mu\u0308ller\n1,2\n"),
        ("a.html", "<html><title>Schlu\u0308ssel</title><p>Schlu&#x0308;ssel"),
        ("a.eml", "Subject: Schlu\u0308ssel\n\nSchlu\u0308ssel"),
    ],
)
def test_letters_are_stored_composed(name: str, text: str) -> None:
    document = read_document(text.encode(), name)
    page = document.pages[0]
    assert "Schlüssel" in shown(page)[-1][1] or "Schlüssel" in page.blocks[-1].header
    assert all(map(is_normalized_nfc, (page.text, document.title, *document.metadata.values())))


def is_normalized_nfc(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)
