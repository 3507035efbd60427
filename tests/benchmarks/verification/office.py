"""Statements about office files, each with the place that its citation should have.

The workbooks have merged cells, percentages, prices and dates in formats of their own, and the
pages have headings, tables with cells over several rows, and raised digits. A statement with a
place is true, and one with "" is false.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ragkit import KnowledgeBase
from ragkit.verification.attribution import cite_statements, number_passages
from ragkit.verification.checker import check_answer
from ragkit.verification.evidence import Evidence
from tests.support.hashing import HashingEmbedder
from tests.support.workbooks import make_styles, make_xlsx, text_cell

HITS = 4
LEAVE = (
    ("Country", "Kind", "Days a year", "Share used", "In force since"),
    ("Germany", "Annual leave", 30, 0.85, 43831),
    ("", "Sick leave", 42, 0.31, 42005),
    ("Spain", "Annual leave", 22, 0.9, 43466),
    ("", "Sick leave", 18, 0.12, 42370),
    ("Norway", "Annual leave", 25, 0.75, 44197),
    ("", "Sick leave", 365, 0.05, 42736),
)
PARTS = (
    ("Part", "Price", "Discount", "In stock", "Next delivery"),
    ("Seal ring S-14", 18.4, 0.05, 140, 45749),
    ("Impeller P-220", 1250.5, 0.12, 7, 45784),
    ("Bearing B-6204", 36.9, 0.08, 58, 45762),
    ("Motor M-55", 8420, 0.15, 2, 45824),
)
POLICY = """<h1>Leaving the company</h1>
<h2>Germany</h2><p>The notice period is four weeks to the end of a month. The probation is six
months.</p>
<h2>Spain</h2><p>The notice period is one month. The probation is two months.</p>
<h2>Norway</h2><p>The notice period is three months. The probation is five months.</p>
<h2>Storage</h2><p>The hall in Bergen has 1,200 m<sup>2</sup>, and the tank holds
35 m<sup>3</sup>. Samples are kept for 18<sup>1</sup> months.</p>
<h2>Fees</h2><table><tr><th>Site</th><th>Service</th><th>Fee in euros</th></tr>
<tr><td rowspan="2">Lyon</td><td>Parking</td><td>45</td></tr><tr><td>Locker</td><td>8</td></tr>
<tr><td rowspan="2">Turin</td><td>Parking</td><td>30</td></tr><tr><td>Locker</td><td>12</td></tr>
</table>"""
RULES = """# Operations

## Backups

Backups of the mail server run daily at 02:00. They are kept for 35 days.

## Reviews

The security team reviews the firewall rules every quarter. Passwords are changed once a year.

## On-call

The on-call engineer changes weekly. An alarm of priority 1 is answered within 15 minutes, and one
of priority 2 within four hours.

## Travel

| Class | Hotel limit | Meals |
|---|---|---|
| Domestic | 120 euros | 28 euros |
| Europe | 165 euros | 42 euros |
| Overseas | 210 euros | 60 euros |
"""
STATEMENTS: tuple[tuple[str, str], ...] = (
    # leave.xlsx
    ("Annual leave in Germany is 30 days a year.", "A2:E2"),
    ("Sick leave in Germany is 42 days a year.", "A3:E3"),
    ("In Spain, annual leave is 22 days a year.", "A4:E4"),
    ("Sick leave in Spain is 18 days a year.", "A5:E5"),
    ("Norway has 25 days of annual leave a year.", "A6:E6"),
    ("Sick leave in Norway is 365 days a year.", "A7:E7"),
    ("In Germany, 85 % of the annual leave is used.", "A2:E2"),
    ("The share used of sick leave in Spain is 12 percent.", "A5:E5"),
    ("The share used of sick leave in Norway is 5%.", "A7:E7"),
    ("Annual leave in Spain is in force since 1 January 2019.", "A4:E4"),
    ("Annual leave in Norway is in force since 2021.", "A6:E6"),
    ("Sick leave in Germany is in force since January 2015.", "A3:E3"),
    ("Annual leave in Germany is 42 days a year.", ""),
    ("Annual leave in Spain is 18 days a year.", ""),
    ("Sick leave in Spain is 42 days a year.", ""),
    ("Sick leave in Norway is 25 days a year.", ""),
    ("Norway has 30 days of annual leave a year.", ""),
    ("In Germany, 31 % of the annual leave is used.", ""),
    ("The share used of sick leave in Spain is 90 percent.", ""),
    ("The share used of annual leave in Norway is 57%.", ""),
    ("Annual leave in Spain is in force since 1 January 2021.", ""),
    ("Sick leave in Germany is in force since January 2016.", ""),
    ("Annual leave in Germany is 30 weeks a year.", ""),
    ("Sick leave in Norway is 85 days a year.", ""),
    # parts.xlsx
    ("The seal ring S-14 costs 18.40 euros.", "A2:E2"),
    ("The impeller P-220 costs 1,250.50 euros.", "A3:E3"),
    ("The price of the bearing B-6204 is 36.90 €.", "A4:E4"),
    ("The motor M-55 costs €8,420.", "A5:E5"),
    ("The discount on the impeller P-220 is 12 %.", "A3:E3"),
    ("The motor M-55 has a discount of 15 percent.", "A5:E5"),
    ("There are 140 seal rings S-14 in stock.", "A2:E2"),
    ("The bearing B-6204 has 58 in stock.", "A4:E4"),
    ("In stock of the impeller P-220: 7.", "A3:E3"),
    ("The next delivery of the motor M-55 is on 16 June 2025.", "A5:E5"),
    ("The next delivery of the seal ring S-14 is on 2 April 2025.", "A2:E2"),
    ("The next delivery of the impeller P-220 is on 7 May 2025.", "A3:E3"),
    ("The seal ring S-14 costs 36.90 euros.", ""),
    ("The impeller P-220 costs 1,520.50 euros.", ""),
    ("The price of the bearing B-6204 is 18.40 €.", ""),
    ("The motor M-55 costs €1,250.50.", ""),
    ("The motor M-55 costs $8,420.", ""),
    ("The discount on the impeller P-220 is 15 %.", ""),
    ("The bearing B-6204 has a discount of 5 percent.", ""),
    ("There are 58 seal rings S-14 in stock.", ""),
    ("The motor M-55 has 7 in stock.", ""),
    ("The impeller P-220 has 14 in stock.", ""),
    ("The next delivery of the motor M-55 is on 7 May 2025.", ""),
    ("The next delivery of the seal ring S-14 is on 16 April 2025.", ""),
    ("The impeller P-222 costs 1,250.50 euros.", ""),
    # policy.html
    ("In Germany, the notice period is four weeks to the end of a month.", "Germany"),
    ("The notice period in Spain is one month.", "Spain"),
    ("The notice period in Norway is three months.", "Norway"),
    ("The probation in Germany is six months.", "Germany"),
    ("In Spain, the probation is 2 months.", "Spain"),
    ("The probation in Norway is 5 months.", "Norway"),
    ("The hall in Bergen has 1,200 m².", "Storage"),
    ("The tank holds 35 m³.", "Storage"),
    ("Samples are kept for 18 months.", "Storage"),
    ("Parking in Lyon costs 45 euros.", "Fees"),
    ("A locker in Lyon costs 8 euros.", "Fees"),
    ("Parking in Turin costs 30 euros.", "Fees"),
    ("The fee for a locker in Turin is 12 euros.", "Fees"),
    ("In Germany, the notice period is one month.", ""),
    ("The notice period in Spain is four weeks.", ""),
    ("The notice period in Norway is one month.", ""),
    ("The probation in Germany is two months.", ""),
    ("In Spain, the probation is 5 months.", ""),
    ("The probation in Norway is 6 months.", ""),
    ("The hall in Bergen has 12,002 m².", ""),
    ("The tank holds 353 litres.", ""),
    ("Samples are kept for 181 months.", ""),
    ("Parking in Lyon costs 30 euros.", ""),
    ("A locker in Turin costs 8 euros.", ""),
    ("Parking in Turin costs 12 euros.", ""),
    ("The fee for a locker in Lyon is 45 euros.", ""),
    # rules.md
    ("Backups of the mail server run daily.", "Backups"),
    ("The mail server is backed up every day at 02:00.", "Backups"),
    ("Backups are kept for 35 days.", "Backups"),
    ("The security team reviews the firewall rules quarterly.", "Reviews"),
    ("Passwords are changed once a year.", "Reviews"),
    ("The on-call engineer changes every week.", "On-call"),
    ("An alarm of priority 1 is answered within 15 minutes.", "On-call"),
    ("An alarm of priority 2 is answered within 4 hours.", "On-call"),
    ("The hotel limit in Europe is 165 euros.", "Travel"),
    ("The hotel limit for domestic travel is 120 euros.", "Travel"),
    ("Meals overseas: 60 euros.", "Travel"),
    ("For meals in Europe the limit is 42 euros.", "Travel"),
    ("Overseas, the hotel limit is 210 euros.", "Travel"),
    ("Backups of the mail server run weekly.", ""),
    ("Backups of the mail server run at 20:00.", ""),
    ("Backups are kept for 53 days.", ""),
    ("The security team reviews the firewall rules every month.", ""),
    ("Passwords are changed twice a year.", ""),
    ("The on-call engineer changes daily.", ""),
    ("An alarm of priority 1 is answered within four hours.", ""),
    ("An alarm of priority 2 is answered within 15 minutes.", ""),
    ("The hotel limit in Europe is 210 euros.", ""),
    ("The hotel limit for domestic travel is 28 euros.", ""),
    ("Meals overseas: 42 euros.", ""),
    ("Overseas, the hotel limit is 165 euros.", ""),
)


def write_documents(folder: Path) -> None:
    """Write the four documents."""
    formats = ("0%", "dd/mm/yyyy", "#,##0.00 [$€-407]")
    leave = _make_workbook(LEAVE, formats, (0, 0, 0, 1, 2), ("A2:A3", "A4:A5", "A6:A7"))
    (folder / "leave.xlsx").write_bytes(leave)
    (folder / "parts.xlsx").write_bytes(_make_workbook(PARTS, formats, (0, 3, 1, 0, 2), ()))
    (folder / "policy.html").write_text(POLICY)
    (folder / "rules.md").write_text(RULES)


def _make_workbook(
    rows: tuple[tuple[str | float, ...], ...],
    formats: tuple[str, ...],
    styles: tuple[int, ...],
    merged: tuple[str, ...],
) -> bytes:
    lines = []
    for at, row in enumerate(rows, 1):
        cells = []
        for column, style, value in zip("ABCDE", styles, row, strict=True):
            name = f"{column}{at}"
            number = f'<c r="{name}" s="{style}"><v>{value}</v></c>'
            cells.append(text_cell(name, value) if isinstance(value, str) else number)
        lines.append(f'<row r="{at}">{"".join(cells)}</row>')
    merges = "".join(f'<mergeCell ref="{ref}"/>' for ref in merged)
    after = f"<mergeCells>{merges}</mergeCells>" if merged else ""
    return make_xlsx("".join(lines), styles=make_styles(*formats), after=after)


def judge(kb: KnowledgeBase, said: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the verdict on a statement, the place of its citation, and the reasons."""
    hits = kb.search(said, HITS)
    passages = number_passages((), hits)
    evidence = {number: Evidence.from_hit(hit) for number, hit in passages.items()}
    checked = check_answer(said, evidence)
    citations, (statement,) = cite_statements((), checked, passages, "")
    place = citations[0].place if citations else ""
    return statement.verdict, place, statement.reasons


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "docs").mkdir()
        write_documents(folder / "docs")
        with KnowledgeBase(folder / "a.kb", embedder=HashingEmbedder()) as kb:
            kb.ingest(folder / "docs")
            judged = [(*each, *judge(kb, each[0])) for each in STATEMENTS]
    alarms = [one for one in judged if one[1] and one[2] != "supported"]
    missed = [one for one in judged if not one[1] and one[2] == "supported"]
    false = sum(not place for _, place in STATEMENTS)
    placed = [one for one in judged if one[1] and one[2] == "supported"]
    right = [one for one in placed if one[1] in one[3]]
    caught = false - len(missed)
    for title, some in (("false alarms", alarms), ("missed", missed)):
        print(f"\n== {title}", *some, sep="\n")
    print("\n== placed elsewhere", *(one for one in placed if one not in right), sep="\n")
    print(f"\n{len(STATEMENTS) - false} true and {false} false statements on office files")
    print(f"precision {caught / (caught + len(alarms)):.3f}  recall {caught / false:.3f}")
    print(f"place right {len(right)} of {len(placed)}")


if __name__ == "__main__":
    main()
