"""Read your own file format: pass a function from bytes to a Document for a suffix.

Here a list of contacts (.vcf) becomes one page per person, so that a hit names the person.

    python examples/own_reader.py
"""

import tempfile
from pathlib import Path

from ragkit import KnowledgeBase
from ragkit_ingest.model import BlockKind, Document, PageBuilder, PageKind, ReadError, Reason

CONTACTS = """\
BEGIN:VCARD
FN:Ilka Brömmelhaupt
TITLE:Quality manager
TEL:+49 555 2140
END:VCARD
BEGIN:VCARD
FN:Hartmut Quast
TITLE:Crane inspector
TEL:+49 555 8803
END:VCARD
"""


def read_contacts(data: bytes, source: str) -> Document:
    """Return a document with one page per contact."""
    pages = []
    for card in data.decode("utf-8", "replace").split("BEGIN:VCARD")[1:]:
        fields = dict(line.split(":", 1) for line in card.splitlines() if ":" in line)
        page = PageBuilder(PageKind.PART, page_label=fields.get("FN", ""))
        for key, word in (("FN", "Name"), ("TITLE", "Position"), ("TEL", "Telephone")):
            if key in fields:
                page.add(BlockKind.ROW, f"{word}: {fields[key]}")
        pages.append(page.build())
    if not pages:
        raise ReadError(Reason.CORRUPT, "the file contains no contact")  # shown in the report
    return Document("vcf", tuple(pages), title="Contacts")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder, "documents")
        documents.mkdir()
        (documents / "contacts.vcf").write_text(CONTACTS, encoding="utf-8")
        (documents / "broken.vcf").write_text("nothing", encoding="utf-8")

        with KnowledgeBase(f"{folder}/demo.kb", readers={".vcf": read_contacts}) as kb:
            report = kb.ingest(documents)
            print("Added:", report.added)
            for file in report.failed:
                print(f"Failed: {file.source}: {file.reason} ({file.detail})")
            hit = kb.search("telephone number of the crane inspector", k=1)[0]
            print(f"{hit.source}, {hit.place}:\n{hit.text}")


if __name__ == "__main__":
    main()
