"""Decodes files: byte order marks, UTF-8, and a guess for older encodings."""

from __future__ import annotations

import codecs
import re

from ragkit_ingest.text.guessing import guess_encoding

SAMPLE = 64 * 1024  # bytes that a decision is based on

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_LARGER = {
    **{"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874"},
    **{"tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"},
    **{"euc_kr": "cp949", "big5": "cp950"},
}
_HIGH = re.compile(rb"[\x80-\xff]")
_EAST_ASIAN = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]")
_PLAIN = re.compile("[\t\n\r -~\u2010-\u2026]")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x08\x1b\x1a"))


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file, and warnings if the encoding was guessed or bytes replaced.

    Tries byte order marks, then UTF-8, then a guess from a sample. Never raises.
    """
    encoding = bom_encoding(data)
    if encoding:
        mark = next(mark for mark, _ in _BOMS if data.startswith(mark))
        return _decode_as(data[len(mark) :], encoding)
    encoding = wide_encoding(data[:SAMPLE])
    if encoding:
        return _decode_as(data, encoding)
    if b"\x1b$" in data[:SAMPLE]:  # the only mark of 7-bit Japanese
        try:
            return data.decode("iso2022_jp_2"), ("read as iso-2022-jp",)
        except UnicodeDecodeError:
            pass
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        return _decode_legacy(data)


def decode_declared(data: bytes, label: str) -> str | None:
    """Return a text by the charset that a mail or page declares, None if it does not fit.

    UTF-8 wins over a declared 8-bit charset: text in another encoding is hardly ever valid UTF-8.
    """
    encoding = find_codec(label)
    if not encoding:
        return None
    if not encoding.startswith(("utf", "iso2022", "hz")) and not data.isascii():
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    try:
        return data.decode(encoding)
    except (LookupError, ValueError):  # some of Python's codecs are not of text
        return None


def find_codec(label: str) -> str:
    """Return Python's name for a declared charset, "" for an unknown one.

    A charset is read as the larger one that programs mean by it, as browsers do (WHATWG Encoding,
    4.2): iso-8859-1 as cp1252.
    """
    label = label.strip().lower().removeprefix("x-").removesuffix("-i")
    try:
        encoding = codecs.lookup(label).name
    except (LookupError, ValueError):
        return ""
    return _LARGER.get(encoding, encoding)


def bom_encoding(data: bytes) -> str:
    """Return the encoding that a byte order mark announces, "" without one."""
    return next((name for mark, name in _BOMS if data.startswith(mark)), "")


def wide_encoding(sample: bytes) -> str:
    """Return UTF-16 or UTF-32 for text without a mark, by its zero bytes; "" if it is neither."""
    if b"\0" not in sample:
        return ""
    lanes = [sample[i::4] or b"x" for i in range(4)]
    zeros = [lane.count(0) / len(lane) for lane in lanes]
    even, odd = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    guesses = (
        ("utf-32-le", zeros[2] > 0.9 and zeros[3] > 0.9 and even < 0.6),
        ("utf-32-be", zeros[0] > 0.9 and zeros[1] > 0.9 and odd < 0.6),
        ("utf-16-le", odd > 0.3 and even < 0.05),
        ("utf-16-be", even > 0.3 and odd < 0.05),
    )
    encoding = next((name for name, fits in guesses if fits), "")
    if encoding and _is_readable(sample, encoding):
        return encoding
    return next((name for name in ("utf-16-le", "utf-16-be") if _is_east_asian(sample, name)), "")


def _is_east_asian(sample: bytes, encoding: str) -> bool:
    """Return True if a text is Chinese, Japanese or Korean, whose UTF-16 has few zero bytes."""
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    usual = len(_EAST_ASIAN.findall(text))
    return usual > len(text) * 0.3 and usual + len(_PLAIN.findall(text)) > len(text) * 0.97


def looks_binary(data: bytes) -> bool:
    """Return True if the beginning of `data` is not text in any encoding."""
    sample = data[:SAMPLE]
    if bom_encoding(sample) or wide_encoding(sample):
        return False
    if b"\0" in sample:
        return True
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > len(sample) * 0.02


def _is_readable(sample: bytes, encoding: str) -> bool:
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    odd = sum(c in "\0\ufffd\ufffe\uffff" or "\x01" <= c < "\x08" for c in text)
    return odd <= len(text) * 0.01 + (1 if len(text) > 16 else 0)


def _decode_as(data: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        return text, (f"some bytes are not {encoding} and were replaced",)


def _decode_legacy(data: bytes) -> tuple[str, tuple[str, ...]]:
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if sum(map(len, re.findall(r"[\x80-\ufffc\U00010000-\U0010ffff]+", text))) > 10 * bad:
        return text, (f"not all of it is UTF-8; bytes replaced: {bad}",)
    for encoding in (_guess_legacy(data), "cp1252"):
        try:
            return data.decode(encoding), (f"not UTF-8; read as {encoding}",)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", "replace"), ("not UTF-8; read as cp1252 with replacements",)


def _guess_legacy(data: bytes) -> str:
    """Return the likeliest older encoding, by a sample from the first line with a high byte."""
    first = _HIGH.search(data)
    at = first.start() if first else 0
    begin = max(data.rfind(b"\n", 0, at) + 1, at - 4096)
    return guess_encoding(data[begin : begin + SAMPLE])
