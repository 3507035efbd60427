"""Decides what kind of file some bytes are: by content first, by suffix if content leaves it open.

`detect` returns the kind under which `dispatch.READERS` has a reader. It looks in this order at:

1. signatures of binary formats: PDF, Office (OLE and ZIP containers), and those that `unsupported`
   names;
2. `KINDS_BY_SUFFIX` for text, whose content rarely tells its format;
3. the beginning of the text, for HTML, XML, mail, mailboxes, calendars, contacts and JSON, whatever
   their suffix.

A new text format needs a line in `KINDS_BY_SUFFIX`. A new binary format needs a check of its
signature in `detect`, and leaves `unsupported` if it is listed there.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath

from ragkit_ingest import unsupported
from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.text.encoding import SAMPLE, decode, looks_binary
from ragkit_ingest.text_kinds import MAIL_HEAD, detect_mail, detect_markup, is_json

KINDS_BY_SUFFIX = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"), "json"),
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    ".csv": "csv",
    **dict.fromkeys((".txt", ".text", ".log", ".rst"), "text"),
    **dict.fromkeys(
        (
            *(".py", ".pyi", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".vue", ".svelte"),
            *(".java", ".kt", ".kts", ".scala", ".groovy", ".gradle", ".c", ".h", ".cc", ".cpp"),
            *(".cxx", ".hpp", ".hh", ".cs", ".go", ".rs", ".swift", ".m", ".mm", ".rb", ".php"),
            *(".pl", ".pm", ".lua", ".r", ".jl", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".bat"),
            *(".cmd", ".sql", ".vb", ".vbs", ".bas", ".pas", ".f", ".f90", ".hs", ".ml", ".ex"),
            *(".exs", ".erl", ".clj", ".lisp", ".el", ".dart", ".proto", ".graphql", ".tf"),
            *(".hcl", ".cmake", ".mk", ".css", ".scss", ".less", ".asm", ".s", ".v", ".vhd"),
            *(".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf", ".properties", ".env"),
        ),
        "code",
    ),
}
"""The kind of a text file by its suffix. Any other text is HTML, mail, JSON or plain text."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RIGHTS_ENTRIES = ("DRMEncryptedTransform", "\tDRMContent")  # [MS-OFFCRYPTO] 2.2
_OFFICE_FOLDERS = {"word": "docx", "ppt": "pptx", "xl": "xlsx"}  # a folder in the ZIP -> its kind
_PACKAGE_PARTS = {"[content_types].xml", "_rels/.rels"}
_OFFICE_SUFFIXES = {f".{kind}" for kind in _OFFICE_FOLDERS.values()} | {
    *(".docm", ".pptm", ".ppsx", ".xlsm")
}
_DOCUMENT_SUFFIXES = (*_OFFICE_SUFFIXES, ".doc", ".dot", ".xls", ".ppt", ".pdf")
_BIFF = re.compile(rb"\x09[\x00\x02\x04\x08][\x04\x06\x08\x10]\x00")  # Excel 2 to 5, without OLE
_MANIFEST = "META-INF/manifest.xml"
_MANIFEST_TYPE = re.compile(rb"application/vnd\.oasis\.opendocument\.[\w.-]+")


def detect(data: bytes, source: str) -> str:
    """Return the kind of a file: a key of `dispatch.READERS`. `source` is its path or name.

    Raises ReadError: EMPTY for no bytes or only white space, ENCRYPTED for an Office file with a
    password, UNSUPPORTED for a kind without a reader, and CORRUPT for a damaged package or a file
    that is not what its suffix says.
    """
    suffix = PurePath(source).suffix.lower()
    if not data:
        raise ReadError(Reason.EMPTY, "the file has no bytes")
    if _is_pdf(data, suffix):
        return "pdf"
    if data.startswith(_OLE):
        return _detect_ole(data, suffix)
    if _BIFF.match(data):
        return "xls"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_zip(data, suffix)
    named = KINDS_BY_SUFFIX.get(suffix, "")
    mail = detect_mail(data[:MAIL_HEAD].decode("latin-1"), suffix)
    if mail and named in ("", "html", "text"):  # before a message with binary parts is refused
        return mail
    _refuse_binary(data, suffix)
    head = decode(data[:SAMPLE])[0]
    if not head.strip() and not decode(data)[0].strip():
        raise ReadError(Reason.EMPTY, "the file holds only white space")
    return _detect_text(data, head, suffix)


def _is_pdf(data: bytes, suffix: str) -> bool:
    """Return True for a PDF header, or one behind junk that the suffix or the trailer confirms."""
    at = data.find(b"%PDF-", 0, 1024)
    if at <= 0:
        return at == 0
    return suffix == ".pdf" or b"startxref" in data[-2048:]


def _check_suffix(suffix: str) -> None:
    """Raise ReadError(CORRUPT) if a file is named as a PDF or an Office file, which it is not."""
    if suffix == ".pdf":
        found = "the file is named .pdf but is not a PDF; export it again or rename it"
        raise ReadError(Reason.CORRUPT, found)
    if suffix in _OFFICE_SUFFIXES:
        found = f"the file is named {suffix} but is not an Office file; save it again or rename it"
        raise ReadError(Reason.CORRUPT, found)


def _detect_ole(data: bytes, suffix: str) -> str:
    """Return the kind of an OLE file, by the stream that its directory names first."""
    if any(_find_entry(data, name) >= 0 for name in _RIGHTS_ENTRIES):
        found = "a file with rights management (IRM); save a copy without protection"
        raise ReadError(Reason.ENCRYPTED, found)
    streams = {name: at for name in unsupported.OLE_STREAMS if (at := _find_entry(data, name)) >= 0}
    if "EncryptedPackage" in streams:
        found = "an Office file with a password; save it without one"
        raise ReadError(Reason.ENCRYPTED, found)
    if not streams:
        raise ReadError(Reason.UNSUPPORTED, unsupported.describe_ole(suffix))
    found = unsupported.OLE_STREAMS[min(streams, key=lambda name: streams[name])]
    if found == "xls" or (suffix == ".xls" and not streams.keys().isdisjoint({"Workbook", "Book"})):
        return "xls"
    raise ReadError(Reason.UNSUPPORTED, found)


def _find_entry(data: bytes, name: str) -> int:
    """Return the offset at which the directory of an OLE file names a stream, -1 if it does not.

    Entries are 128 bytes long and aligned. The length of the name with its end follows at byte 64
    ([MS-CFB] 2.6.1). Names differ in no other way than by case (2.6.4).
    """
    wanted = name.encode("utf-16-le") + b"\0\0"
    length = len(wanted).to_bytes(2, "little")
    for found in re.finditer(re.escape(wanted), data, re.IGNORECASE):
        at = found.start()
        if at % 128 == 0 and data[at + 64 : at + 66] == length:
            return at
    return -1


def _detect_zip(data: bytes, suffix: str) -> str:
    """Return the kind of an Office package or OpenDocument spreadsheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name.replace("\\", "/") for name in archive.namelist()]
            mimetype = b""
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 256:
                mimetype = archive.read("mimetype").strip()
            elif "content.xml" in names and _MANIFEST in names:
                mimetype = _read_manifest_type(archive)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as exc:
        found = "the file is a damaged ZIP package; save it again"
        raise ReadError(Reason.CORRUPT, found) from exc
    if not _PACKAGE_PARTS.isdisjoint(map(str.lower, names)):  # their case does not matter
        folders = {name.lower().lstrip("/").partition("/")[0] for name in names if "/" in name}
        kinds = [kind for folder, kind in _OFFICE_FOLDERS.items() if folder in folders]
        if kinds:
            return suffix[1:] if suffix[1:] in kinds else kinds[0]
    if mimetype.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        return "ods"
    found = unsupported.describe_zip(names, mimetype.decode("ascii", "replace"), suffix)
    if not found:
        _check_suffix(suffix)
    raise ReadError(Reason.UNSUPPORTED, found or "a ZIP archive; unpack it")


def _read_manifest_type(archive: zipfile.ZipFile) -> bytes:
    """Return the media type that the manifest of an OpenDocument package names, b"" if none."""
    if archive.getinfo(_MANIFEST).file_size > 1 << 20:
        return b""
    found = _MANIFEST_TYPE.search(archive.read(_MANIFEST))
    return found[0] if found else b""


def _refuse_binary(data: bytes, suffix: str) -> None:
    """Raise ReadError, which says what the file is, if it is not text."""
    if found := unsupported.describe_signature(data):
        raise ReadError(Reason.UNSUPPORTED, found)
    if looks_binary(data):
        _check_suffix(suffix)
        raise ReadError(Reason.UNSUPPORTED, unsupported.describe_binary(data, suffix))


def _detect_text(data: bytes, head: str, suffix: str) -> str:
    """Return the kind of a text, of which `head` is the beginning."""
    named = KINDS_BY_SUFFIX.get(suffix, "")
    if named not in ("", "html", "text"):
        return named
    if kind := detect_markup(head, suffix):
        return kind
    if named == "html":
        return named
    if suffix in _DOCUMENT_SUFFIXES and re.match(r"\ufeff?\s*<\w", head):
        return "html"  # as programs export their pages under the names of Office files
    _check_suffix(suffix)
    if suffix == ".xls":  # programs export tables under this name
        return "tsv" if "\t" in head else "csv"
    if head.startswith("#!"):
        return "code"
    return "json" if head.lstrip()[:1] in ("{", "[") and is_json(data) else "text"
