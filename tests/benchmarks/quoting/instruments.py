"""The files of a made-up maker of instruments, as its offices write them."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.quoting.grids import (
    Grid,
    Sheet,
    Slide,
    write_html,
    write_sheets,
    write_slides,
    write_word,
)


def write_instrument_maker(folder: Path) -> None:
    """Write all files, in folders by department."""
    for name in ("sales", "hr", "plant", "projects", "products", "finance"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write_price_list(folder / "sales" / "Price list 2026.xlsx")
    _write_kick_off(folder / "sales" / "Kick-off 2026.pptx")
    _write_travel_policy(folder / "hr" / "Travel policy.docx")
    _write_salary_bands(folder / "hr" / "Salary bands 2026.xlsx")
    _write_holidays(folder / "hr" / "Feiertage 2026.xlsx")
    _write_work_rules(folder / "hr" / "Arbeitsordnung.docx")
    _write_maintenance_plan(folder / "plant" / "maintenance-plan.html")
    _write_minutes(folder / "projects" / "Steering committee 2026-03-12.docx")
    _write_data_sheet(folder / "products" / "PT-300 data sheet.docx")
    _write_budget(folder / "finance" / "Budget 2026.xlsx")


def _write_price_list(path: Path) -> None:
    articles = """
        Article | Description | Price per piece | < | < | Lead time (weeks)
        ^ | ^ | 1 to 9 | 10 to 49 | from 50 | ^
        Pressure | < | < | < | < | <
        PT-300-10 | Pressure transmitter, 0 to 10 bar | 184.5 | 172 | 161.3 | 3
        PT-300-40 | Pressure transmitter, 0 to 40 bar | 196 | 183.5 | 171.8 | 3
        PT-320-EX | Pressure transmitter, ATEX zone 1 | 342 | 327.5 | 311 | 6
        Level | < | < | < | < | <
        LS-80 | Float switch, stainless steel | 58.9 | 54.6 | 49.95 | 2
        LS-95 | Radar level sensor, 15 m | 612 | 589 | 561.4 | 5
        Accessories | < | < | < | < | <
        CB-5 | Cable, shielded, 5 m | 21.4 | 19.8 | 17.6 | 1
        CAL-9 | Calibration bench | 12480 | 12100 | 11900 | 10
    """
    services = """
        Service | Price | Unit
        Calibration certificate | 145 | EUR per device
        Field engineer | 118 | EUR per hour
        Travel time | 76 | EUR per hour
    """
    surcharges = """
        Surcharge | Share of the price
        Express calibration (48 hours) | 0.25
        Delivery outside the EU | 0.045
    """
    money = dict.fromkeys("CDE", "#,##0.00")
    above = ("Price list 2026, valid from 1 January 2026", "All prices in EUR without VAT")
    write_sheets(
        path,
        Sheet("Articles", Grid(articles, 2), above, money),
        Sheet("Services", Grid(services), formats={"B": "#,##0.00"}),
        Sheet("Surcharges", Grid(surcharges), formats={"B": "0.0%"}),
    )


def _write_kick_off(path: Path) -> None:
    targets = """
        Region | Sales in million EUR | < | Change
        ^ | Actual 2025 | Target 2026 | ^
        Germany | 18.2 | 19.0 | +4 %
        Nordics | 3.9 | 4.6 | +18 %
        Iberia | 2.7 | 2.5 | −7 %
        North America | 7.4 | 8.8 | +19 %
    """
    write_slides(
        path,
        Slide("Sales kick-off 2026", "Ines Falkenrath, head of sales\nLindau, 15 January 2026"),
        Slide("Targets by region", Grid(targets, 2), "Iberia shrinks: two distributors left."),
        Slide(
            "What is new",
            "PT-320-EX is on sale since November 2025\n"
            "Configurator goes live on 2 March 2026\n"
            "Discounts above 12 percent need approval by Ines Falkenrath",
            "The trade fair is in Hanover this year, stand C31 in hall 11. Six of us will go.",
        ),
    )


def _write_travel_policy(path: Path) -> None:
    allowances = """
        Country | Daily allowance | < | Hotel limit per night
        ^ | more than 8 hours | full day | ^
        Germany | EUR 14 | EUR 28 | EUR 120
        Switzerland | CHF 43 | CHF 64 | CHF 190
        Japan | JPY 4,200 | JPY 6,300 | JPY 21,000
    """
    write_word(
        path,
        "# Travel policy",
        "Version 4.1, in force since 1 March 2026. Owner: Corinna Aschenbach, travel office.",
        "## Germany",
        "Trips of up to two days need no approval. Receipts are handed in within two weeks.",
        "- Train: second class, first class from three hours on\n"
        "- Private car: 0.32 euros per kilometre",
        "## Switzerland",
        "The head of department approves the trip. Receipts are handed in within 30 days.",
        "- Train: the half-fare card is paid from the fourth trip a year on\n"
        "- Private car: 0.70 francs per kilometre",
        "## Japan",
        "The managing director approves the trip, at least six weeks before it begins. "
        "Receipts are handed in within 45 days, with a translation of those above 30,000 yen.",
        "- Flight: premium economy\n- A SIM card is lent by the IT desk",
        "## Allowances and limits",
        Grid(allowances, 2),
        "Breakfast that the hotel includes takes 20 percent off the daily allowance^1^.",
        "^1^ In Japan 15 percent.",
    )


def _write_salary_bands(path: Path) -> None:
    bands = """
        Family | Level | Munich (EUR) | < | Leeds (GBP) | < | Bonus target
        ^ | ^ | Minimum | Maximum | Minimum | Maximum | ^
        Engineering | Engineer | 56000 | 71000 | 41000 | 54500 | 0.06
        ^ | Senior engineer | 69000 | 92000 | 53000 | 71500 | 0.08
        ^ | Team lead | 84000 | 109000 | 64000 | 83000 | 0.12
        Sales | Account manager | 52000 | 68000 | 38500 | 51000 | 0.2
        ^ | Key account manager | 66000 | 88000 | 49500 | 67500 | 0.3
    """
    formats = dict.fromkeys("CDEF", "#,##0") | {"G": "0%"}
    above = ("Salary bands per year, valid from 1 April 2026",)
    write_sheets(path, Sheet("Bands", Grid(bands, 2), above, formats))


def _write_holidays(path: Path) -> None:
    days = """
        Datum | Wochentag | Anlass | Lindau | Dresden
        2026-01-01 | Donnerstag | Neujahr | frei | frei
        2026-01-06 | Dienstag | Heilige Drei Könige | frei | Arbeitstag
        2026-04-03 | Freitag | Karfreitag | frei | frei
        2026-06-04 | Donnerstag | Fronleichnam | frei | Arbeitstag
        2026-10-31 | Samstag | Reformationstag | Arbeitstag | frei
        2026-11-18 | Mittwoch | Buß- und Bettag | Arbeitstag | frei
        2026-12-24 | Donnerstag | Heiligabend | halber Tag | halber Tag
    """
    write_sheets(path, Sheet("Feiertage", Grid(days), formats={"A": "dd.mm.yyyy"}))


def _write_work_rules(path: Path) -> None:
    leave = """
        Alter | Urlaubstage
        bis 29 Jahre | 28
        30 bis 54 Jahre | 30
        ab 55 Jahren | 33
    """
    write_word(
        path,
        "# Arbeitsordnung",
        "Stand: 1. Februar 2026. Fragen beantwortet Valeska Hornbostel, Durchwahl 417.",
        "## Probezeit und Kündigung",
        "Die Probezeit dauert sechs Monate. In der Probezeit beträgt die Kündigungsfrist zwei "
        "Wochen. Danach beträgt sie sechs Wochen zum Quartalsende.",
        "## Urlaub",
        Grid(leave),
        "Resturlaub verfällt am 31. März des Folgejahres.",
        "## Homeoffice",
        "Nach der Probezeit sind bis zu drei Tage Homeoffice in der Woche möglich. "
        "Der Zuschuss zur Ausstattung beträgt einmalig 350 Euro.",
        "## Krankmeldung",
        "Wer krank ist, meldet sich vor 8:30 Uhr bei der Führungskraft. Ab dem dritten Tag ist "
        "eine Bescheinigung nötig.",
    )


def _write_maintenance_plan(path: Path) -> None:
    tasks = """
        Machine | Task | Interval | < | Responsible
        ^ | ^ | operating hours | at the latest | ^
        Furnace F2 | Replace thermocouples | 2,000 h | every 6 months | R. Abara
        ^ | Check door seal | – | daily | Shift leader
        ^ | Clean burner | 750 h | every 2 months | R. Abara
        Compressor K1 | Change oil | 4,000 h | once a year | J. Tewes
        ^ | Replace intake filter | 1,000 h | quarterly | J. Tewes
        Cutter L4 | Align optics | 500 h | monthly | Optoserv Ltd
    """
    write_html(
        path,
        "Maintenance plan, plant Dresden",
        "<h1>Maintenance plan, plant Dresden</h1>",
        "<p>Valid for 2026. What comes first counts: hours or months.</p>",
        "<h2>Planned tasks</h2>",
        Grid(tasks, 2),
        "<h2>Lockout</h2><p>Before any work the machine is locked with the red padlock. "
        "The key stays with the person who works on the machine.</p>"
        "<h2>Spare parts</h2><p>Thermocouples are kept on shelf 14, and the smallest stock is "
        "eight pieces. Orders go to Wendelin Kross.</p>",
    )


def _write_minutes(path: Path) -> None:
    actions = """
        No. | Action | Who | Until
        1 | Visit two calibration laboratories and compare their offers | Amara Osei | 17 April
        2 | Write the training plan for the configurator | Jost Linde | 31 March
        3 | Clarify the customs number for Japan | Wendelin Kross | 8 May
    """
    write_word(
        path,
        "# Minutes of the steering committee, 12 March 2026",
        "Present: Ines Falkenrath, Amara Osei, Jost Linde, Wendelin Kross. Excused: Pia Rettig.",
        "## Warehouse Dresden",
        "The lease ends on 30 September 2026. The committee decided to extend it by two years. "
        "The rent rises from 6.80 to 7.15 euros per m^2^ and month.",
        "## Configurator",
        "The start went well: 340 quotes were made in the first week. Open faults: 12, of which "
        "2 block orders. Jost Linde reports again in April.",
        "## Actions",
        Grid(actions),
        "Next meeting: 16 April 2026, 10:00, room Säntis.",
    )


def _write_data_sheet(path: Path) -> None:
    values = """
        Group | Parameter | Value | Unit
        Measurement | Accuracy | ± 0.25 | % of span
        ^ | Long-term drift | 0.1 | % per year
        ^ | Response time | 4 | ms
        Output | Signal | 4 to 20 | mA
        ^ | Largest load | 500 | Ω
        Process | Overload limit | 2.5 | × span
        ^ | Volume of the chamber | 0.8 | cm^3^
        ^ | Leak rate | 10^−9^ | mbar l/s
        Environment | Operating temperature | −25 to 85 | °C
        ^ | Protection | IP67 | –
    """
    write_word(
        path,
        "# PT-300 pressure transmitter: data sheet",
        "Edition 7, October 2025. Article numbers: PT-300-10 and PT-300-40.",
        "## Technical data",
        Grid(values),
        "## Materials",
        "The membrane is made of stainless steel 1.4435, the seal of FKM. Other seals on request.",
        "## Approvals",
        "CE, UKCA and UL. Drinking water: only the version with the suffix -W.",
        "## Warranty",
        "36 months from delivery. With an annual calibration it is 60 months.",
    )


def _write_budget(path: Path) -> None:
    budget = """
        Department | Q1 | Q2 | Q3 | Q4 | Year
        Development | 820 | 835 | 910 | 880 | 3445
        Marketing | 240 | 265 | 310 | 195 | 1010
        IT | 150 | 410 | 160 | 155 | 875
        Grants | -90 | 0 | -120 | 0 | -210
        Total | 1120 | 1510 | 1260 | 1230 | 5120
    """
    write_sheets(
        path,
        Sheet(
            "Budget",
            Grid(budget),
            ("Budget 2026 by department", "in thousand EUR"),
            dict.fromkeys("BCDEF", "#,##0;(#,##0)"),
        ),
    )
