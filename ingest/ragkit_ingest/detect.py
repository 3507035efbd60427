"""What kind of file some bytes are: by content first, by the name only where content is silent."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath

from ragkit_ingest.model import ReadError, Reason
from ragkit_ingest.readers.json import parse_json
from ragkit_ingest.text.encoding import SAMPLE, decode, looks_binary

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE = {"word": "docx", "ppt": "pptx", "xl": "xlsx"}  # a package's folder -> its kind
_PACKAGES = {f".{kind}" for kind in _OFFICE.values()} | {".docm", ".pptm", ".ppsx", ".xlsm"}
_OPEN_DOCUMENT = {
    b"application/vnd.oasis.opendocument.text": "an OpenDocument text; save it as .docx or .pdf",
    b"application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation; "
    "save it as .pptx or .pdf",
    b"application/epub+zip": "an EPUB book; save it as .html or .pdf",
}
_OLE_STREAMS = {
    "EncryptedPackage": "",
    "Workbook": "xls",
    "Book": "xls",
    "WordDocument": "a Word 97-2003 file; save it as .docx",
    "PowerPoint Document": "a PowerPoint 97-2003 file; save it as .pptx",
    "__properties_version1.0": "an Outlook message; save it as .eml",
    "VisioDocument": "a Visio drawing; save it as .pdf",
}
_MAGIC = (  # bytes that no text begins with, offset 0
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
_BINARY_MAGIC = (  # letters a text may begin with too: only where the rest is binary
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
_SUFFIXES = {
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
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:(?><!--.*?-->)\s*)*+<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]?")
_MAIL = {
    *("from", "to", "cc", "subject", "date", "received", "return-path", "message-id"),
    *("mime-version", "delivered-to", "reply-to", "content-type", "dkim-signature", "sender"),
}


def detect(data: bytes, name: str) -> str:
    """Return the kind of a file, the key under which `read_document` finds its reader.

    Raises ReadError for what holds nothing, is encrypted, is no kind we read, or is not what
    its suffix promises.
    """
    suffix = PurePath(name).suffix.lower()
    if not data:
        raise ReadError(Reason.EMPTY, "the file has no bytes")
    if _is_pdf(data, suffix):
        return "pdf"
    if data.startswith(_OLE):
        return _ole_kind(data, suffix)
    _check_promise(data, suffix)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(data, suffix)
    if suffix == ".eml" and _is_mail(data[:4096].decode("latin-1"), suffix):
        return "eml"  # before the next check: a message may carry bare binary parts
    _refuse_binary(data)
    head = decode(data[:SAMPLE])[0]
    if not head.strip() and not decode(data)[0].strip():
        raise ReadError(Reason.EMPTY, "the file holds only white space")
    return _text_kind(data, head, suffix)


def _is_pdf(data: bytes, suffix: str) -> bool:
    """A header at the start, or, behind some junk, one that name or trailer confirms."""
    at = data.find(b"%PDF-", 0, 1024)
    if at <= 0:
        return at == 0
    return suffix == ".pdf" or b"startxref" in data[-2048:]


def _check_promise(data: bytes, suffix: str) -> None:
    if suffix == ".pdf":
        raise ReadError(Reason.CORRUPT, "named .pdf but holds no PDF")
    if suffix in _PACKAGES and not data.startswith(b"PK"):
        raise ReadError(Reason.CORRUPT, f"named {suffix} but holds no Office package")


def _ole_kind(data: bytes, suffix: str) -> str:
    """The kind of a compound file, by the stream that its directory names first."""
    streams = {name: at for name in _OLE_STREAMS if (at := _directory_entry(data, name)) >= 0}
    if "EncryptedPackage" in streams:
        raise ReadError(Reason.ENCRYPTED, "an Office file with a password; save it without one")
    if not streams:
        raise ReadError(Reason.UNSUPPORTED, "an OLE compound file of no known kind")
    found = _OLE_STREAMS[min(streams, key=lambda name: streams[name])]
    if found == "xls" or (suffix == ".xls" and not streams.keys().isdisjoint({"Workbook", "Book"})):
        return "xls"
    raise ReadError(Reason.UNSUPPORTED, found)


def _directory_entry(data: bytes, name: str) -> int:
    """Where a compound file's directory names a stream, -1 if it does not.

    Entries are 128 bytes long and aligned; the name's length with its end follows at byte 64
    ([MS-CFB] 2.6.1).
    """
    wanted = name.encode("utf-16-le") + b"\0\0"
    at = data.find(wanted)
    while at >= 0:
        if at % 128 == 0 and data[at + 64 : at + 66] == len(wanted).to_bytes(2, "little"):
            return at
        at = data.find(wanted, at + 1)
    return -1


def _zip_kind(data: bytes, suffix: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            mimetype = b""
            if "mimetype" in names and archive.getinfo("mimetype").file_size < 256:
                mimetype = archive.read("mimetype").strip()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as exc:
        raise ReadError(Reason.CORRUPT, f"a damaged ZIP package ({exc})") from exc
    if "[Content_Types].xml" in names:
        folders = {name.partition("/")[0] for name in names if "/" in name}
        kinds = [kind for folder, kind in _OFFICE.items() if folder in folders]
        if kinds:
            return suffix[1:] if suffix[1:] in kinds else kinds[0]
    if mimetype.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        return "ods"
    found = next((text for start, text in _OPEN_DOCUMENT.items() if mimetype.startswith(start)), "")
    if suffix in _PACKAGES and not found:
        raise ReadError(Reason.CORRUPT, f"named {suffix} but holds no Office document")
    raise ReadError(Reason.UNSUPPORTED, found or "a ZIP archive; unpack it")


def _refuse_binary(data: bytes) -> None:
    found = next((text for magic, text in _MAGIC if data.startswith(magic)), "")
    binary = not found and looks_binary(data)
    if binary:
        magic = (text for magic, text in _BINARY_MAGIC if data.startswith(magic))
        found = next(magic, "a tar archive; unpack it" if data[257:262] == b"ustar" else "")
        if data[4:8] == b"ftyp":
            found = "an image or video (ISO media)"
    if found or binary:
        raise ReadError(Reason.UNSUPPORTED, found or "binary data")


def _text_kind(data: bytes, head: str, suffix: str) -> str:
    named = _SUFFIXES.get(suffix, "")
    if named in ("markdown", "code", "csv", "tsv", "json"):
        return named
    if named == "html" or _HTML.match(head):
        return "html"
    if _is_mail(head, suffix):
        return "eml"
    if named == "text":
        return named
    if head.startswith("#!"):
        return "code"
    return "json" if head.lstrip()[:1] in ("{", "[") and _is_json(data) else "text"


def _is_mail(head: str, suffix: str) -> bool:
    """Whether a text begins with mail headers: one is enough for .eml, else three."""
    names: set[str] = set()
    rows = head.lstrip("\ufeff\r\n").split("\n")
    if rows[0].startswith("From "):  # an mbox separator
        rows = rows[1:]
    for row in rows:
        header = _HEADER.match(row)
        if header:
            names.add(header[1].lower())
        elif not row.startswith((" ", "\t")) or not names:
            if row.strip() and suffix != ".eml":
                return False
            break
    known = names & _MAIL
    return (
        bool(known) if suffix == ".eml" else len(known) >= 3 and bool(known & {"from", "received"})
    )


def _is_json(data: bytes) -> bool:
    try:
        return isinstance(parse_json(decode(data)[0]), (dict, list))
    except (ValueError, RecursionError):
        return False
