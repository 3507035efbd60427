"""Write the binary files of the demo folder: two PDFs, one DOCX, one XLSX and one PPTX.

The demo folder is the handbook of an invented company. Its Markdown, text, HTML, CSV, JSON and
mail files are kept as they are; this script writes the five others next to them:

    pip install reportlab openpyxl python-docx python-pptx
    python examples/make_documents.py [FOLDER]

All dates are fixed, so a second run writes the same files again.
"""

import datetime as dt
import io
import os
import re
import sys
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from docx import Document
from docx.shared import Cm
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from pptx import Presentation
from pptx.util import Inches, Pt
from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import (
    BaseDocTemplate,
    Frame,
    ListFlowable,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

COMPANY = "Vexhöfer Pumpen & Ventile GmbH"
STAMP = dt.datetime(2025, 4, 24, 9, 0, tzinfo=dt.UTC)

# The texts use a small markup: "# " and "## " headings, "- " and "1. " lists, "|" table rows
# (the first row is the header), "^ " a table caption, "~ " a note in small type, "---" a new page.

HANDBOOK = """\
# Foreword

Dear colleagues,

when Walburga Vexhöfer rented a former boat shed in Kranzmoor in 1962, she had two lathes, three
fitters and one order: a bilge pump for the harbour ferry. That pump ran for 31 years. Today we
build pumps and valves at three sites, and on 31 December 2024 there were 412 of us: 268 in
Kranzmoor, 117 in the foundry at Hohenquell and 27 at the service centre in Port Sarnholm.

This handbook collects the rules that we have agreed on with the works council. It does not
replace your employment contract or the works agreements (Betriebsvereinbarungen). Where they
differ, the text that is better for the employee applies.

What is new in the seventh edition:

- the working-time account may now hold up to 40 hours instead of 30
- one more day of leave after 15 years with the company
- a new section on bicycle leasing
- shorter reporting times for near misses

The seventh edition is valid from 1 January 2025 and replaces the sixth edition of 1 July 2022.
Questions and corrections are welcome at the Human Resources office, extension 2100.

Dr. Annegret Vexhöfer, managing director

Gerhild Pfannmüller, chair of the works council

---

# 1 Working time

## 1.1 Weekly hours

Full-time work is 37.5 hours a week. Part-time contracts state their hours as a share of this
figure. No working day may be longer than 10 hours, and there are at least 11 hours of rest
between two working days.

## 1.2 Flexitime and core hours

Office staff choose the start and end of their day between 06:30 and 19:00. The core time, when
everybody is at work, runs from 09:30 to 15:00 from Monday to Thursday and from 09:30 to 12:30 on
Friday. Hours are booked in the time system Zeitwerk with the access badge. The working-time
account may go up to 40 hours plus and 10 hours minus; hours above the limit lapse at the end of
the quarter unless the manager has ordered them.

## 1.3 Shifts in production

^ Table 1: Shift times

| Shift | Time | Sites | Paid break |
| Early | 06:00 to 14:00 | Kranzmoor, Hohenquell | 15 minutes |
| Late | 14:00 to 22:00 | Kranzmoor, Hohenquell | 15 minutes |
| Night | 22:00 to 06:00 | Hohenquell foundry only | 30 minutes |

The shift plan is posted four weeks ahead. Swapping shifts with a colleague needs a short message
to the shift leader before 12:00 on the day before.

## 1.4 Mobile work

After the probationary period, employees whose work allows it may work from home on up to two
days a week. Mobile work from another country is possible for at most 15 working days a year and
must be applied for six weeks in advance, because tax and insurance have to be checked.

---

# 2 Leave and absence

## 2.1 Annual leave

The entitlement grows with the years of service. It is counted in working days of a five-day week.

^ Table 2: Days of annual leave

| Years of service | Days of leave | Since edition |
| up to 4 years | 28 | 5 |
| from the 5th year | 30 | 5 |
| from the 15th year | 32 | 7 |

Requests are made in Zeitwerk. A holiday of more than ten working days in a row must be requested
at least eight weeks in advance. Up to five days may be carried over; they must be taken by
31 March of the following year. The company is closed on 24 and 31 December. These two days
are a gift and do not count as leave.

## 2.2 Special leave

^ Table 3: Special leave with pay

| Occasion | Days |
| Own wedding or civil partnership | 2 |
| Birth of a child | 2 |
| Moving house, once in three years | 1 |
| Death of a partner, parent or child | 4 |
| Work anniversary of 25 years | 3 |

## 2.3 Illness

Please call your manager or the attendance line, extension 2199, before 08:00 on the first day.
Shift workers call one hour before their shift begins. A doctor's certificate is needed from the
third calendar day. If a child under twelve is ill, the same rules apply.

## 2.4 Unpaid leave

After three years of service, unpaid leave (Auszeit) of one to six months is possible. It is
requested six months ahead, and the working-time account must be empty when it begins.

---

# 3 Pay and benefits

## 3.1 Payment

Salaries are paid on the 27th of each month; if this is not a bank working day, on the last one
before it. The November payment includes a Christmas bonus of 55 percent of one monthly base
salary for everybody who has been with the company since 1 May.

## 3.2 Allowances

^ Table 4: Allowances on top of the hourly wage

| Work | Allowance | Remark |
| Late shift | 12 % | from 18:00 |
| Night shift | 25 % | 22:00 to 06:00 |
| Sunday | 50 % | |
| Public holiday | 100 % | of the site |
| On-call duty | 38 euros | for each night |

## 3.3 Pension

The company adds 20 percent to whatever you convert from your salary into the company pension
(Betriebsrente), on contributions of up to 250 euros a month. Entitlements are vested from the
first day.

## 3.4 Bicycle leasing and canteen

After the probationary period you can lease a bicycle through your salary. The term is 36 months,
the list price may be up to 6,500 euros, and the company pays the insurance. The company also
pays 3.40 euros towards each main meal in the canteen.

## 3.5 Ideas scheme

Whoever submits a good idea to the Ideenbörse receives 15 percent of the net saving of the first
year, but not more than 8,000 euros. In 2024 the largest award, 5,150 euros, went to Yannick
Düsterhöft for a clamping device at assembly line 1.

---

# 4 Safety and conduct

## 4.1 Protective equipment

Safety shoes of class S3 are compulsory in all halls. The company pays up to 95 euros a year for
them. Hearing protection must be worn in halls 2 and 3 and in the foundry, where the noise level
exceeds 85 dB(A). Safety glasses are handed out free of charge by the tool store.

## 4.2 Emergencies

The internal emergency number is 4444, day and night. It reaches the gatehouse, which calls the
fire brigade or an ambulance. Leave the building by the nearest exit and go to the assembly point.

^ Table 5: Assembly points

| Site | Assembly point | First aiders | Defibrillator |
| Kranzmoor | North car park | 22 | gatehouse, hall 3 |
| Hohenquell | Chestnut yard (Kastanienhof) | 11 | foundry entrance |
| Port Sarnholm | Quay side, lamp post 6 | 4 | workshop |

## 4.3 Accidents and near misses

Accidents are reported at once. Near misses are reported within 24 hours to the safety officer,
Rasmus Oltmann. A report never has disadvantages for the person who makes it.

## 4.4 Alcohol and gifts

Alcohol and other drugs are not allowed at work. Gifts from business partners may be accepted up
to a value of 35 euros per person and year. Anything above must be refused or handed to the
compliance officer, Dr. Lennart Süßkind, who raffles it for the kindergarten in Kranzmoor.

## 4.5 Respect

We do not tolerate insults, harassment or discrimination. Complaints go to your manager, to the
works council or in confidence to Mechthild Körber, the person of trust.

---

# 5 Leaving and contacts

## 5.1 Probation and notice

The first six months are a probationary period with two weeks' notice on both sides. Afterwards
the notice period is six weeks to the end of a quarter. From the tenth year of service the company
has to give notice of four months to the end of a month. Notice must be given on paper and signed;
an e-mail is not enough.

## 5.2 The last working day

Return the access badge, notebook, telephone, tools and pool-car keys to your manager, who signs
the return list (Laufzettel). The remaining working-time account is paid out with the last salary.
Human Resources invites you to an exit talk of about 30 minutes. References are written within
three weeks.

## 5.3 Contacts

^ Table 6: Whom to ask

| Subject | Person | Extension |
| Managing director | Dr. Annegret Vexhöfer | 1001 |
| Human Resources | Maren Söllner | 2110 |
| Finance | Tobias Krähenbühl | 2400 |
| Works council | Gerhild Pfannmüller | 2800 |
| IT help desk | Françoise Kühnapfel | 3030 |
| Information security | Jörg Haßlinger | 3055 |
| Safety | Rasmus Oltmann | 4150 |
| Maintenance | Bertram Löwe | 4320 |
| Purchasing | Friederike Nüssle | 5210 |
| Quality | Ilka Brömmelhaupt | 6120 |
| Service hotline | Nora Whitcombe | 7700 |

~ This handbook is an internal document. Please do not pass it on to third parties.
"""

REPORT = """\
# 1 Key figures

The first quarter of 2025 went better than planned. Revenue rose by 7.5 percent to
21.84 million euros, and the operating result (EBIT) reached 1.74 million euros, which is
8.0 percent of revenue. Order intake grew faster than revenue; the book-to-bill ratio was 1.13.

^ Table 1: Key figures in thousands of euros

| | Q1 2025 | Q1 2024 | Change |
| Order intake | 24,650 | 21,900 | +12.6 % |
| Revenue | 21,840 | 20,310 | +7.5 % |
| EBITDA | 2,720 | 2,220 | +22.5 % |
| EBIT | 1,740 | 1,280 | +35.9 % |
| Net profit | 1,115 | 784 | +42.2 % |
| Capital expenditure | 1,330 | 860 | +54.7 % |

The order backlog stood at 38,200 thousand euros on 31 March 2025, compared with 35,390 thousand
euros at the end of 2024. It covers about five months of production.

The number of employees rose from 412 to 418 during the quarter: 272 in Kranzmoor, 119 in
Hohenquell and 27 in Port Sarnholm.

## Events of the quarter

- On 22 January the waterworks association Kesselgrund ordered 64 pumps of the type VX-4420, worth
2.1 million euros. It is the largest single order since 2019.
- In March a faulty batch of mechanical seals delayed the delivery of 41 pumps of the type VX-4410
into the second quarter. The revenue that moved with them is 390 thousand euros.
- The new CNC lathe DM-09 was ordered for the machining hall in Kranzmoor.

---

# 2 Revenue

## 2.1 Revenue by division

^ Table 2: Revenue by division in thousands of euros

| Division | Q1 2025 | Q1 2024 | Change | Share |
| Pumps | 11,960 | 11,020 | +8.5 % | 54.8 % |
| Valves | 6,130 | 5,890 | +4.1 % | 28.1 % |
| Service and spare parts | 3,750 | 3,400 | +10.3 % | 17.2 % |
| Total | 21,840 | 20,310 | +7.5 % | 100.0 % |

Pumps profited from the VX-4420, of which 212 were sold (Q1 2024: 168). Valves grew more slowly,
because the chemical industry postponed projects. In the service division, the sensor module LM-12
(Lauscher) contributed 520 thousand euros; 1,310 modules were delivered.

## 2.2 Revenue by region

^ Table 3: Revenue by region in thousands of euros

| Region | Q1 2025 | Q1 2024 | Change |
| Germany | 9,480 | 9,150 | +3.6 % |
| Rest of Europe | 7,210 | 6,480 | +11.3 % |
| North America | 2,390 | 2,310 | +3.5 % |
| Asia and other | 2,760 | 2,370 | +16.5 % |
| Total | 21,840 | 20,310 | +7.5 % |

Norway and Poland were the strongest markets outside Germany. The largest customer accounted for
6.4 percent of revenue, and the ten largest together for 31 percent.

## 2.3 Prices

List prices of pumps were raised by 2.8 percent on 1 January 2025, those of spare parts by
3.5 percent. The price increase explains about a third of the growth.

---

# 3 Income statement

^ Table 4: Income statement in thousands of euros

| | Q1 2025 | Q1 2024 |
| Revenue | 21,840 | 20,310 |
| Change in inventories | 410 | 220 |
| Total output | 22,250 | 20,530 |
| Cost of materials | -9,690 | -9,080 |
| Personnel expenses | -7,640 | -7,180 |
| Other operating expenses | -2,200 | -2,050 |
| EBITDA | 2,720 | 2,220 |
| Depreciation | -980 | -940 |
| EBIT | 1,740 | 1,280 |
| Interest | -145 | -160 |
| Profit before tax | 1,595 | 1,120 |
| Income taxes | -480 | -336 |
| Net profit | 1,115 | 784 |

The cost of materials fell to 43.6 percent of total output (Q1 2024: 44.2 percent), mainly because
cast iron became cheaper by 6 percent. Personnel expenses include the pay rise of 3.1 percent
that has applied since 1 February 2025.

Other operating expenses contain 74 thousand euros for the faulty seals: courier freight, extra
inspection and overtime. A claim against the supplier Ohlendiek Dichtungswerk for 55 thousand
euros has been filed but is not yet recognised as income.

---

# 4 Balance sheet and outlook

## 4.1 Balance sheet

^ Table 5: Balance sheet in thousands of euros

| | 31 March 2025 | 31 December 2024 |
| Fixed assets | 28,460 | 28,110 |
| Inventories | 17,920 | 17,180 |
| Trade receivables | 13,640 | 12,950 |
| Cash | 6,240 | 6,830 |
| Other assets | 1,190 | 1,080 |
| Total assets | 67,450 | 66,150 |
| Equity | 34,715 | 33,600 |
| Pension provisions | 7,480 | 7,420 |
| Bank loans | 12,600 | 13,100 |
| Trade payables | 6,905 | 6,640 |
| Other liabilities | 5,750 | 5,390 |
| Total equity and liabilities | 67,450 | 66,150 |

The equity ratio rose from 50.8 to 51.5 percent. Bank loans were reduced by 500 thousand euros.

## 4.2 Capital expenditure

Of the 1,330 thousand euros invested, 640 thousand went into the CNC lathe DM-09, 480 thousand were
a first instalment for the test bench TB-5 in Hohenquell, and 210 thousand were spent on IT.

## 4.3 Outlook

For the whole year the management expects revenue between 88 and 91 million euros and an EBIT
margin of 7.5 to 8.2 percent. The test bench TB-5 will cost 2.4 million euros in total and is to
start work in October 2025. The main risks are the supply of mechanical seals and the price of
electricity for the foundry.

~ Unaudited figures. Prepared by the finance department on 24 April 2025.
"""

TRAVEL = """\
# Scope and approval

This policy applies to all business trips of employees at all three sites. It replaces version
2.9 of March 2023. A trip is approved before it is booked: trips costing up to 1,500 euros by the
line manager, more expensive ones by the chief financial officer, Tobias Krähenbühl.

# Means of transport

## Train

The train is the first choice. First class may be booked for journeys of more than three hours. The
company pays for a discount card if it pays for itself within a year.

## Aeroplane

Flights are allowed only if the train journey takes longer than five hours. Economy class is
booked in Europe; on flights of more than eight hours, premium economy is possible.

## Car

Pool cars are reserved at the gatehouse. For a private car the company pays 0.38 euros per
kilometre, and 0.05 euros more for each passenger. Parking tickets and fines are never paid.

# Daily allowances and hotels

^ Allowances and hotel limits in euros

| Country or region | More than 8 hours | Full day | Hotel limit per night |
| Germany | 15 | 30 | 115 |
| United Kingdom | 26 | 52 | 160 |
| Norway | 31 | 62 | 175 |
| Rest of Europe | 22 | 44 | 140 |
| North America | 29 | 58 | 210 |

Breakfast included in the hotel price reduces the daily allowance by 20 percent. If a trade fair
makes hotels more expensive, the line manager may approve up to 30 percent above the limit.

# Claiming expenses

1. Enter the trip in the portal Spesenkasse within 30 days after your return.
2. Photograph every receipt; originals above 250 euros go to the finance department as well.
3. Your manager approves within five working days.
4. The money is paid with the next salary, on the 27th of the month at the earliest.

An advance of up to 600 euros can be paid for trips of more than four days.

# What is not reimbursed

- minibar, films and fitness rooms
- upgrades that were not approved
- lost personal belongings worth more than 200 euros
- travel between home and the normal place of work

# Entertaining guests

Meals with customers are reimbursed up to 45 euros per person. Names and the reason must be
written on the receipt. For gifts, the limit in section 4.4 of the employee handbook applies.

# Contact

Questions are answered by Hannelore Grützmacher, travel desk, extension 2450.
"""

SLIDES: list[tuple[str, str, str]] = [
    (
        "Sales training: the VX series",
        "Selim Yurdakul, product manager\nSpring 2025",
        "Welcome everybody. The training takes 90 minutes, and the quiz at the end has 12 "
        "questions. You need 9 correct answers for the certificate.",
    ),
    (
        "Three pumps, one construction kit",
        "- VX-4410: the workhorse for process water, since 2016\n"
        "- VX-4420: more flow for waterworks, since 2021\n"
        "- VX-4600: self-priming, for dirty water and ships, since 2019\n"
        "- 70 percent of the parts of VX-4410 and VX-4420 are identical",
        "Customers like the common parts, because they need fewer spare parts in stock. The "
        "VX-4600 lifts water from up to 7.5 metres below; this is the most frequent question.",
    ),
    (
        "Technical data",
        "| | VX-4410 | VX-4420 | VX-4600 |\n"
        "| Flow (m³/h) | 42 | 68 | 24 |\n"
        "| Head (m) | 38 | 46 | 22 |\n"
        "| Motor (kW) | 7.5 | 15 | 4 |\n"
        "| Working pressure (bar) | 10 | 10 | 6 |\n"
        "| Test pressure (bar) | 16 | 16 | 9 |\n"
        "| Weight (kg) | 96 | 148 | 71 |",
        "All values are for water at 20 degrees. The largest permitted temperature of the liquid "
        "is 110 degrees, for the VX-4600 only 80 degrees.",
    ),
    (
        "Lauscher LM-12: the pump that listens",
        "- Measures vibration, temperature and sound\n"
        "- Battery lasts five years, replaceable as LM-12-03\n"
        "- Up to 40 modules on one gateway LM-12-07\n"
        "- Warns on average 19 days before a bearing fails",
        "The 19 days come from the field test with 230 pumps in 2023. Do not promise more. Data is "
        "kept in Port Sarnholm for 24 months.",
    ),
    (
        "Warranty and service",
        "- Warranty: 24 months from commissioning, at most 30 months from delivery\n"
        "- With LM-12: 36 months from commissioning\n"
        "- Change the mechanical seal every 8,000 operating hours\n"
        "- Service hotline: extension 7700, spare parts within 48 hours",
        "Dry running ends the warranty at once. The service contract Rundum costs 6 percent of the "
        "pump price a year and contains one visit.",
    ),
    (
        "Your next steps",
        "- Show the demo pump at three customers before the summer\n"
        "- Highest discount without approval: 8 percent\n"
        "- Quotes are valid for 60 days\n"
        "- Next training: 18 September 2025 in Hohenquell",
        "The demo pumps carry the serial numbers 24-00901 to 24-00904. Discounts of more than "
        "8 percent are approved by Lütfi Baykara, head of sales.",
    ),
]

PARTS = """\
VX-4410-12|Impeller 165 mm, stainless steel|VX-4410|412.00|7|A-03
VX-4410-18|Shaft sleeve|VX-4410|97.50|5|A-03
VX-4410-22|Ball bearing set|VX-4410|64.80|3|A-04
VX-4410-31|Mechanical seal 28 mm (Gleitringdichtung)|VX-4410|186.40|10|A-06
VX-4410-40|Casing gasket|VX-4410|11.90|2|A-07
VX-4410-55|Coupling insert|VX-4410, VX-4420|23.70|2|A-07
VX-4420-12|Impeller 190 mm, stainless steel|VX-4420|538.00|7|A-11
VX-4420-22|Ball bearing set|VX-4420|82.30|3|A-12
VX-4420-31|Mechanical seal 35 mm (Gleitringdichtung)|VX-4420|238.90|10|A-14
VX-4420-40|Casing gasket|VX-4420|14.60|2|A-15
VX-4600-12|Impeller 138 mm, open|VX-4600|367.50|12|B-01
VX-4600-31|Mechanical seal 24 mm (Gleitringdichtung)|VX-4600|159.20|10|B-02
VX-4600-40|Casing gasket|VX-4600|13.20|2|B-02
VX-4600-64|Cover of priming chamber|VX-4600|221.00|15|B-03
KV-210-05|Seat ring set PTFE, DN 50|Ball valve KV-210|48.60|6|C-01
KV-210-09|Stem packing, DN 50|Ball valve KV-210|17.40|4|C-01
KV-230-05|Seat ring set PTFE, DN 80|Ball valve KV-230|71.30|6|C-02
KV-230-09|Stem packing, DN 80|Ball valve KV-230|22.10|4|C-02
KV-230-15|Hand lever, lockable|Ball valve KV-230|34.90|4|C-02
RS-77-02|Spring|Check valve RS-77|8.75|3|C-09
RS-77-04|Valve disc|Check valve RS-77|29.80|8|C-09
LM-12-01|Sensor module Lauscher|VX series|349.00|9|D-01
LM-12-03|Replacement battery|LM-12-01|26.50|2|D-01
LM-12-07|Gateway for 40 modules|LM-12-01|590.00|14|D-02"""

HOLIDAYS = """\
2025-01-01|New Year (Neujahr)|closed|closed|closed
2025-04-18|Good Friday (Karfreitag)|closed|closed|closed
2025-04-21|Easter Monday (Ostermontag)|closed|closed|closed
2025-05-01|Labour Day (Tag der Arbeit)|closed|closed|open
2025-05-02|Bridge day (Brückentag), one day of leave|closed|open|open
2025-05-05|Early May bank holiday|open|open|closed
2025-05-26|Spring bank holiday|open|open|closed
2025-05-29|Ascension Day (Christi Himmelfahrt)|closed|closed|open
2025-06-09|Whit Monday (Pfingstmontag)|closed|closed|open
2025-06-19|Corpus Christi (Fronleichnam)|open|closed|open
2025-08-25|Summer bank holiday|open|open|closed
2025-10-03|German Unity Day (Tag der Deutschen Einheit)|closed|closed|open
2025-10-31|Reformation Day (Reformationstag)|closed|open|open
2025-12-05|Stocktaking (Inventur), no shipping|open|open|open
2025-12-24|Christmas Eve, closing day of the company|closed|closed|closed
2025-12-25|Christmas Day|closed|closed|closed
2025-12-26|Second day of Christmas, Boxing Day|closed|closed|closed
2025-12-31|New Year's Eve, closing day of the company|closed|closed|closed"""


@dataclass
class Block:
    kind: str  # h1, h2, p, note, caption, ul, ol, table, break
    text: str = ""
    items: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


PREFIXES = {"# ": "h1", "## ": "h2", "^ ": "caption", "~ ": "note"}


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()]


def parse(text: str) -> list[Block]:
    blocks: list[Block] = []
    for chunk in text.strip().split("\n\n"):
        prefix = next((p for p in PREFIXES if chunk.startswith(p)), "")
        if chunk == "---":
            blocks.append(Block("break"))
        elif chunk.startswith("|"):
            blocks.append(Block("table", rows=rows_of(chunk)))
        elif match := re.match(r"- |\d+\. ", chunk):
            items = re.split(r"\n(?:- |\d+\. )", chunk[match.end() :])
            kind = "ul" if chunk.startswith("-") else "ol"
            blocks.append(Block(kind, items=[item.replace("\n", " ") for item in items]))
        else:
            plain = chunk.removeprefix(prefix).replace("\n", " ")
            blocks.append(Block(PREFIXES.get(prefix, "p"), plain))
    return blocks


def save_zip(data: bytes, path: Path) -> None:
    """Write an Office file with fixed times inside, so that the bytes do not change."""
    day = STAMP.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            body = source.read(name)
            if name == "docProps/core.xml":
                body = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + day, body)
            info = zipfile.ZipInfo(name, STAMP.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, body)


TEAL, PALE = colors.HexColor("#0B5563"), colors.HexColor("#EAF2F4")
BOLD = "Helvetica-Bold"
BODY = ParagraphStyle("p", fontName="Helvetica", fontSize=10.5, leading=15, spaceAfter=7)
HEADING = {"fontName": BOLD, "textColor": TEAL, "keepWithNext": 1}
STYLES = {
    "p": BODY,
    "h1": ParagraphStyle("h1", BODY, fontSize=18, leading=23, spaceAfter=10, **HEADING),
    "h2": ParagraphStyle("h2", BODY, fontSize=12.5, leading=16, spaceBefore=6, **HEADING),
    "contents": ParagraphStyle("contents", BODY, fontSize=18, leading=23, **HEADING),
    "caption": ParagraphStyle(
        "caption", BODY, fontName="Helvetica-Oblique", fontSize=9.5, leading=12, keepWithNext=1
    ),
    "note": ParagraphStyle("note", BODY, fontSize=8.5, leading=11, textColor=colors.dimgray),
    "title": ParagraphStyle("title", BODY, fontName=BOLD, fontSize=22, leading=30, textColor=TEAL),
    "cover": ParagraphStyle(
        "cover", BODY, fontName=BOLD, fontSize=30, leading=38, textColor=colors.white
    ),
    "company": ParagraphStyle("company", BODY, fontSize=13, textColor=colors.white),
}
TABLE_LOOK = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), TEAL),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, PALE]),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#B8CCD0")),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 3.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
)


def page_label(page: int, front: int) -> str:
    return ("i", "ii", "iii")[page - 1] if page <= front else str(page - front)


def pdf_table(rows: list[list[str]]) -> Any:
    count = len(rows[0])
    first = 74 * mm if count < 4 else 48 * mm
    widths = [first] + [(166 * mm - first) / (count - 1)] * (count - 1)
    figure = re.compile(r"[-+]?[\d,.]+( %| euros)?")
    right = [all(figure.fullmatch(row[col]) for row in rows[1:]) for col in range(count)]
    data = []
    for number, row in enumerate(rows):
        strong = number == 0 or row[0].startswith(("Total", "EBIT", "Net profit"))
        look = {
            "fontName": BOLD if strong else "Helvetica",
            "textColor": colors.black if number else colors.white,
        }
        line = []
        for words, is_right in zip(row, right, strict=True):
            style = ParagraphStyle(
                "cell",
                fontSize=9.5,
                leading=12,
                alignment=TA_RIGHT if is_right else TA_LEFT,
                **look,
            )
            line.append(Paragraph(escape(words), style))
        data.append(line)
    return Table(data, widths, style=TABLE_LOOK, hAlign="LEFT", spaceAfter=11, repeatRows=1)


def pdf_flowable(block: Block) -> Any:
    if block.kind == "break":
        return PageBreak()
    if block.kind == "table":
        return pdf_table(block.rows)
    if block.items:
        items = [Paragraph(escape(item), BODY) for item in block.items]
        bullet = (
            {"bulletType": "1"} if block.kind == "ol" else {"bulletType": "bullet", "start": "•"}
        )
        return ListFlowable(items, leftIndent=14, bulletFontSize=10.5, **bullet)
    return Paragraph(escape(block.text), STYLES[block.kind])


def draw_cover(canvas: Any, _doc: Any) -> None:
    width, height = A4
    canvas.setFillColor(TEAL)
    canvas.rect(0, height - 95 * mm, width, 95 * mm, stroke=0, fill=1)
    canvas.setFillColor(colors.HexColor("#F2A541"))
    canvas.rect(0, height - 98 * mm, width, 3 * mm, stroke=0, fill=1)


def draw_page(canvas: Any, doc: Any) -> None:
    canvas.setStrokeColor(TEAL)
    canvas.setLineWidth(0.6)
    canvas.line(22 * mm, 281 * mm, 188 * mm, 281 * mm)
    canvas.setFillColor(colors.dimgray)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawString(22 * mm, 283 * mm, COMPANY)
    canvas.drawRightString(188 * mm, 283 * mm, doc.title)
    canvas.drawCentredString(105 * mm, 12 * mm, page_label(doc.page, doc.front))


def after_flowable(doc: Any, flow: Any) -> None:
    """Each heading becomes an outline entry and a line of the contents page."""
    kind = flow.style.name if isinstance(flow, Paragraph) else ""
    if kind not in {"h1", "h2", "contents"}:
        return
    words = flow.getPlainText()
    key = f"{doc.page}-{words}".replace(" ", "-")
    doc.canv.bookmarkPage(key)
    doc.canv.addOutlineEntry(words, key, int(kind == "h2"), closed=False)
    if kind != "contents":
        doc.notify("TOCEntry", (int(kind == "h2"), escape(words), doc.page, key))


def after_page(doc: Any) -> None:
    if doc.page == 1:
        if doc.front:
            doc.canv.addPageLabel(0, style="ROMAN_LOWER", start=1)
        doc.canv.addPageLabel(doc.front, style="ARABIC", start=1)
        doc.canv.showOutline()


def write_pdf(path: Path, text: str, title: str, subject: str, front: int) -> None:
    """`front` pages (cover, contents, foreword) get roman labels; 0 means no front matter."""
    os.environ["SOURCE_DATE_EPOCH"] = str(int(STAMP.timestamp()))
    doc: Any = BaseDocTemplate(
        str(path),
        pagesize=A4,
        title=title,
        author=COMPANY,
        subject=subject,
        creator="Document office, Vexhöfer",
        keywords=["internal", "2025"],
        lang="en-GB",
        initialFontName="Helvetica",
    )
    doc.front = front
    doc.afterFlowable = partial(after_flowable, doc)
    doc.afterPage = partial(after_page, doc)
    frame = Frame(22 * mm, 18 * mm, 166 * mm, 258 * mm, 0, 0, 0, 0, id="text")
    pages = [PageTemplate("page", [frame], onPage=draw_page)]
    if front:
        pages.insert(0, PageTemplate("cover", [frame], onPage=draw_cover))
        toc = TableOfContents(formatter=partial(page_label, front=front), dotsMinLevel=0)
        toc.levelStyles = [
            ParagraphStyle("toc1", BODY, fontName=BOLD, spaceBefore=7, spaceAfter=1),
            ParagraphStyle("toc2", BODY, leftIndent=14, spaceAfter=1),
        ]
        story = [
            NextPageTemplate("page"),
            Spacer(1, 25 * mm),
            Paragraph(title, STYLES["cover"]),
            Paragraph(escape(COMPANY), STYLES["company"]),
            Spacer(1, 55 * mm),
            Paragraph(escape(subject), BODY),
            PageBreak(),
            Paragraph("Contents", STYLES["contents"]),
            toc,
            PageBreak(),
        ]
    else:
        story = [Paragraph(title, STYLES["title"]), Paragraph(escape(subject), BODY)]
    doc.addPageTemplates(pages)
    doc.multiBuild([*story, *map(pdf_flowable, parse(text))])


def write_docx(path: Path) -> None:
    doc = Document()
    core = doc.core_properties
    core.title, core.author = "Travel and expenses policy", "Tobias Krähenbühl"
    core.subject, core.comments = "Policy T-07, version 3.2", ""
    core.keywords, core.language = "travel, expenses, hotel", "en-GB"
    section = doc.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.header.paragraphs[0].text = f"{COMPANY}\t\tPolicy T-07, version 3.2"
    doc.add_paragraph(core.title, style="Title")
    doc.add_paragraph(
        "Policy T-07, version 3.2, in force from 1 February 2025. Owner: finance department.",
        style="Subtitle",
    )
    plain = {"h1": "Heading 1", "h2": "Heading 2", "caption": "Caption", "p": "Normal"}
    lists = {"ul": "List Bullet", "ol": "List Number"}
    for block in parse(TRAVEL):
        if block.kind == "table":
            table = doc.add_table(0, len(block.rows[0]), style="Light Grid Accent 1")
            for row in block.rows:
                for cell, words in zip(table.add_row().cells, row, strict=True):
                    cell.text = words
            doc.add_paragraph()
        elif block.items:
            for item in block.items:
                doc.add_paragraph(item, style=lists[block.kind])
        else:
            doc.add_paragraph(block.text, style=plain[block.kind])
    data = io.BytesIO()
    doc.save(data)
    save_zip(data.getvalue(), path)


def write_xlsx(path: Path) -> None:
    book = Workbook()
    book.properties.title = "Spare parts and holiday calendar 2025"
    book.properties.creator = "Nora Whitcombe"
    parts: Any = book.active
    parts.title = "Spare parts"
    parts.append(
        ["Part number", "Description", "Fits", "Price EUR", "Lead time (days)", "Storage place"]
    )
    for number, description, fits, price, days, place in rows_of(PARTS):
        parts.append([number, description, fits, float(price), int(days), place])
    for row in parts.iter_rows(min_row=2, min_col=4, max_col=4):
        row[0].number_format = "#,##0.00"
    days_off: Any = book.create_sheet("Holiday calendar 2025")
    days_off.append(["Date", "Weekday", "Occasion", "Kranzmoor", "Hohenquell", "Port Sarnholm"])
    for iso, *rest in rows_of(HOLIDAYS):
        day = dt.date.fromisoformat(iso)
        weekday = ("Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun")[day.weekday()] + "day"
        days_off.append([day, weekday, *rest])
    for row in days_off.iter_rows(min_row=2, max_col=1):
        row[0].number_format = "yyyy-mm-dd"
    for sheet in (parts, days_off):
        for head in sheet[1]:
            head.font = Font(bold=True, color="FFFFFF")
            head.fill = PatternFill("solid", fgColor="0B5563")
            head.alignment = Alignment(vertical="center")
        for letter, width in zip("ABCDEF", (14, 44, 20, 14, 18, 16), strict=True):
            sheet.column_dimensions[letter].width = width
        sheet.freeze_panes = "A2"
        sheet.auto_filter.ref = sheet.dimensions
    days_off.column_dimensions["B"].width, days_off.column_dimensions["C"].width = 14, 46
    data = io.BytesIO()
    book.save(data)
    save_zip(data.getvalue(), path)


def write_pptx(path: Path) -> None:
    deck: Any = Presentation()
    holders = [deck.slide_master, *deck.slide_layouts]
    stretch = Inches(13.333) / deck.slide_width
    boxes = [(s, s.left, s.top, s.width, s.height) for holder in holders for s in holder.shapes]
    for shape, left, top, width, height in boxes:  # the built-in layouts are 4:3, we want 16:9
        shape.left, shape.top = round(left * stretch), top
        shape.width, shape.height = round(width * stretch), height
    deck.slide_width = Inches(13.333)
    core = deck.core_properties
    core.title, core.author = "Sales training: the VX series", "Selim Yurdakul"
    core.subject, core.keywords = "Pumps VX-4410, VX-4420 and VX-4600", "sales, training, pumps"
    core.last_modified_by, core.comments = "Selim Yurdakul", ""
    for number, (title, content, notes) in enumerate(SLIDES):
        is_table = content.startswith("|")
        layout = 0 if number == 0 else 5 if is_table else 1  # title slide, title only, bullets
        slide = deck.slides.add_slide(deck.slide_layouts[layout])
        slide.shapes.title.text = title
        if is_table:
            rows = rows_of(content)
            box = (Inches(1), Inches(1.6), Inches(11.3), Inches(0.6 * len(rows)))
            table = slide.shapes.add_table(len(rows), len(rows[0]), *box).table
            for y, row in enumerate(rows):
                for x, words in enumerate(row):
                    table.cell(y, x).text = words
                    table.cell(y, x).text_frame.paragraphs[0].font.size = Pt(20)
        else:
            lines = [line.removeprefix("- ") for line in content.splitlines()]
            slide.placeholders[1].text_frame.text = "\n".join(lines)
        slide.notes_slide.notes_text_frame.text = notes
    data = io.BytesIO()
    deck.save(data)
    save_zip(data.getvalue(), path)


def main() -> None:
    default = Path(__file__).parent / "documents"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for name in ("hr", "finance", "products"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_pdf(
        folder / "hr" / "employee-handbook.pdf",
        HANDBOOK,
        "Employee handbook",
        "Seventh edition, valid from 1 January 2025",
        front=3,
    )
    write_pdf(
        folder / "finance" / "quarterly-report-2025-q1.pdf",
        REPORT,
        "Quarterly report Q1 2025",
        "January to March 2025, management version for the advisory board",
        front=0,
    )
    write_docx(folder / "hr" / "travel-and-expenses.docx")
    write_xlsx(folder / "products" / "spare-parts-and-calendar.xlsx")
    write_pptx(folder / "products" / "vx-sales-training.pptx")


if __name__ == "__main__":
    main()
