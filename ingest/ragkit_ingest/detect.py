"""Decides what kind of file some bytes are: by content first, by suffix if content leaves it open.

`detect` returns the kind under which `dispatch.READERS` has a reader. It looks in this order at:

1. signatures of binary formats: PDF, Office (OLE and ZIP containers), and `_UNSUPPORTED`;
2. `KINDS_BY_SUFFIX` for text, whose content rarely tells its format;
3. the beginning of the text, for HTML, mail and JSON with another suffix.

A new text format needs a line in `KINDS_BY_SUFFIX`. A new binary format needs a check of its
signature in `detect`, and leaves `_UNSUPPORTED` if it is listed there.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import PurePath

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.text.encoding import SAMPLE, decode, looks_binary
from ragkit_ingest.text.json_values import parse_json

KINDS_BY_SUFFIX = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"), "json"),
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    ".csv": "csv",
    **dict.fromkeys((".txt", ".text", ".log", ".rst", ".xml"), "text"),
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
_OLE_STREAMS = {  # a stream of an OLE file -> its kind, or what it is and what to do
    "EncryptedPackage": "",
    "Workbook": "xls",
    "Book": "xls",
    "WordDocument": "a Word 97-2003 file; save it as .docx",
    "PowerPoint Document": "a PowerPoint 97-2003 file; save it as .pptx",
    "__properties_version1.0": "an Outlook message; save it as .eml",
    "VisioDocument": "a Visio drawing; save it as .pdf",
}
_OFFICE_FOLDERS = {"word": "docx", "ppt": "pptx", "xl": "xlsx"}  # a folder in the ZIP -> its kind
_OFFICE_SUFFIXES = {f".{kind}" for kind in _OFFICE_FOLDERS.values()} | {
    *(".docm", ".pptm", ".ppsx", ".xlsm")
}
_UNSUPPORTED_ZIPS = (  # the start of a ZIP's "mimetype" member -> what it is and what to do
    (
        b"application/vnd.oasis.opendocument.text",
        "an OpenDocument text; save it as .docx or .pdf",
    ),
    (
        b"application/vnd.oasis.opendocument.presentation",
        "an OpenDocument presentation; save it as .pptx or .pdf",
    ),
    (b"application/epub+zip", "an EPUB book; save it as .html or .pdf"),
)
_UNSUPPORTED = (  # the first bytes of files that cannot be text -> what they are and what to do
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"\xfd7zXZ\0", "an xz archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it"),
    (b"\x7fELF", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\0asm", "a program"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"SQLite format 3\0", "a SQLite database; export its tables as .csv"),
    (b"{\\rtf", "an RTF text; save it as .docx"),
    (b"%!PS", "a PostScript file; save it as .pdf"),
)
_UNSUPPORTED_IF_BINARY = (  # letters that a text may begin with, too
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "an image, audio or video file"),
    (b"MZ", "a program"),
    (b"BZh", "a bzip2 archive; unpack it"),
    (b"ID3", "an audio file"),
    (b"OggS", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"PAR1", "a Parquet table; export it as .csv"),
)
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:(?><!--.*?-->)\s*)*+<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_BIFF = re.compile(rb"\x09[\x00\x02\x04\x08][\x04\x06\x08\x10]\x00")  # Excel 2 to 5, without OLE
_XML_KINDS = (  # the root element of an XML text, and its kind
    (re.compile(r"<(?:\w+:)?Workbook\s[^>]*urn:schemas-microsoft-com:office:spreadsheet"), "xls"),
    (re.compile(r"<office:document\s[^>]*opendocument\.spreadsheet"), "ods"),
)
_XML_PROLOG = re.compile(
    r"\ufeff?\s*+(?:<\?.*?\?>\s*+|<!--.*?-->\s*+|<!DOCTYPE[^>\[]*>\s*+)*+", re.DOTALL
)
_MANIFEST = "META-INF/manifest.xml"
_MANIFEST_TYPE = re.compile(rb"application/vnd\.oasis\.opendocument\.[\w.-]+")
_HTML_TABLE = re.compile(r"\ufeff?\s*<\w[^<>]*>", re.DOTALL)
_MAIL_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]?")
_MAIL_HEADERS = {
    *("from", "to", "cc", "subject", "date", "received", "return-path", "message-id"),
    *("mime-version", "delivered-to", "reply-to", "content-type", "dkim-signature", "sender"),
}


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
    _check_suffix(data, suffix)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_zip(data, suffix)
    if suffix == ".eml" and _is_mail(data[:4096].decode("latin-1"), suffix):
        return "eml"  # before the next check: a message may carry bare binary parts
    _refuse_binary(data)
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


def _check_suffix(data: bytes, suffix: str) -> None:
    """Raise ReadError(CORRUPT) if a file is not the PDF or Office file that it is named as."""
    if suffix == ".pdf":
        found = "the file is named .pdf but is not a PDF; export it again or rename it"
        raise ReadError(Reason.CORRUPT, found)
    if suffix in _OFFICE_SUFFIXES and not data.startswith(b"PK"):
        found = f"the file is named {suffix} but is not an Office file; save it again or rename it"
        raise ReadError(Reason.CORRUPT, found)


def _detect_ole(data: bytes, suffix: str) -> str:
    """Return the kind of an OLE file, by the stream that its directory names first."""
    streams = {name: at for name in _OLE_STREAMS if (at := _find_entry(data, name)) >= 0}
    if "EncryptedPackage" in streams:
        found = "an Office file with a password; save it without one"
        raise ReadError(Reason.ENCRYPTED, found)
    if not streams:
        raise ReadError(
            Reason.UNSUPPORTED, "an OLE compound file of an unknown kind; save it as .pdf"
        )
    found = _OLE_STREAMS[min(streams, key=lambda name: streams[name])]
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
        found = f"the file is a damaged ZIP package ({exc}); save it again"
        raise ReadError(Reason.CORRUPT, found) from exc
    if "[content_types].xml" in map(str.lower, names):  # part names differ in no other way
        folders = {name.lower().lstrip("/").partition("/")[0] for name in names if "/" in name}
        kinds = [kind for folder, kind in _OFFICE_FOLDERS.items() if folder in folders]
        if kinds:
            return suffix[1:] if suffix[1:] in kinds else kinds[0]
    if mimetype.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        return "ods"
    found = _describe(mimetype, _UNSUPPORTED_ZIPS)
    if suffix in _OFFICE_SUFFIXES and not found:
        found = f"the file is named {suffix} but holds no Office document; save it again"
        raise ReadError(Reason.CORRUPT, found)
    raise ReadError(Reason.UNSUPPORTED, found or "a ZIP archive; unpack it")


def _read_manifest_type(archive: zipfile.ZipFile) -> bytes:
    """Return the media type that the manifest of an OpenDocument package names, b"" if none."""
    if archive.getinfo(_MANIFEST).file_size > 1 << 20:
        return b""
    found = _MANIFEST_TYPE.search(archive.read(_MANIFEST))
    return found[0] if found else b""


def _refuse_binary(data: bytes) -> None:
    """Raise ReadError(UNSUPPORTED), which says what the file is, if it is not text."""
    if found := _describe(data, _UNSUPPORTED):
        raise ReadError(Reason.UNSUPPORTED, found)
    if looks_binary(data):
        raise ReadError(Reason.UNSUPPORTED, _describe_binary(data))


def _describe_binary(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return "an image or video (ISO media)"
    if found := _describe(data, _UNSUPPORTED_IF_BINARY):
        return found
    return "a tar archive; unpack it" if data[257:262] == b"ustar" else "binary data"


def _describe(data: bytes, signatures: Sequence[tuple[bytes, str]]) -> str:
    """Return the text of the signature that the data begins with, "" if there is none."""
    return next((text for start, text in signatures if data.startswith(start)), "")


def _detect_text(data: bytes, head: str, suffix: str) -> str:
    """Return the kind of a text, of which `head` is the beginning."""
    named = KINDS_BY_SUFFIX.get(suffix, "")
    if named in ("", "text") and (kind := _detect_xml(head)):
        return kind
    if named not in ("", "html", "text"):
        return named
    if named == "html" or _HTML.match(head):
        return "html"
    if _is_mail(head, suffix):
        return "eml"
    if named == "text":
        return named
    if suffix == ".xls":  # programs export tables under this name
        return "html" if _HTML_TABLE.match(head) else "tsv" if "\t" in head else "csv"
    if head.startswith("#!"):
        return "code"
    return "json" if head.lstrip()[:1] in ("{", "[") and _is_json(data) else "text"


def _detect_xml(head: str) -> str:
    """Return the kind of an XML text by its root element, "" for one without a reader."""
    at = found.end() if (found := _XML_PROLOG.match(head)) else 0
    return next((kind for root, kind in _XML_KINDS if root.match(head, at)), "")


def _is_mail(head: str, suffix: str) -> bool:
    """Return True if a text begins with mail headers: one is enough for .eml, else three."""
    names: set[str] = set()
    rows = head.lstrip("\ufeff\r\n").split("\n")
    if rows[0].startswith("From "):  # an mbox separator
        rows = rows[1:]
    for row in rows:
        header = _MAIL_HEADER.match(row)
        if header:
            names.add(header[1].lower())
        elif not row.startswith((" ", "\t")) or not names:
            if row.strip() and suffix != ".eml":
                return False
            break
    known = names & _MAIL_HEADERS
    if suffix == ".eml":
        return bool(known)
    return len(known) >= 3 and bool(known & {"from", "received"})


def _is_json(data: bytes) -> bool:
    try:
        return isinstance(parse_json(decode(data)[0]), (dict, list))
    except (ValueError, RecursionError):
        return False
