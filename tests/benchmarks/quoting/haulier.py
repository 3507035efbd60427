"""The files of a made-up haulier, as its offices write them."""

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


def write_haulier(folder: Path) -> None:
    """Write all files, in folders by department."""
    for name in ("fleet", "customers", "people", "safety", "reports"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _write_fleet(folder / "fleet" / "Fleet register.xlsx")
    _write_tariff(folder / "customers" / "tariff.html")
    _write_terms(folder / "customers" / "Terms of carriage.docx")
    _write_handbook(folder / "people" / "Mitarbeiterhandbuch.docx")
    _write_courses(folder / "people" / "Training catalogue.docx")
    _write_briefing(folder / "safety" / "Safety briefing.pptx")
    _write_energy(folder / "reports" / "Energy report 2025.xlsx")
    _write_minutes(folder / "reports" / "Depot meeting 2026-02-05.docx")


def _write_fleet(path: Path) -> None:
    vehicles = """
        Vehicle | Registration | Payload (t) | Fuel (l per 100 km) | < | Next inspection
        ^ | ^ | ^ | motorway | town | ^
        Lorries | < | < | < | < | <
        T-01 | KE-RB 118 | 24.5 | 27.3 | 34.1 | 2026-05-19
        T-02 | KE-RB 126 | 18 | 23.8 | 29.9 | 2026-11-03
        T-07 | KE-RB 904 | 11.2 | 19.4 | 25 | 2027-02-16
        Vans | < | < | < | < | <
        V-03 | KE-RB 33 | 1.25 | 9.1 | 11.6 | 2026-08-27
        V-05 | KE-RB 35 | 0.95 | 8.2 | 10.4 | 2026-09-30
    """
    formats = {"C": "0.00", "D": "0.0", "E": "0.0", "F": "dd.mm.yyyy"}
    above = ("Fleet register, depot Kempten", "Kept by: Ulrich Zeidler")
    write_sheets(path, Sheet("Vehicles", Grid(vehicles, 2), above, formats))


def _write_tariff(path: Path) -> None:
    prices = """
        Zone | Countries | Price per pallet (EUR) | < | Transit time
        ^ | ^ | standard | express | ^
        1 | Germany, Austria | 64 | 118 | 1 day
        2 | Czechia, Slovenia | 82 | 149 | 2 days
        ^ | Northern Italy | 88 | 155 | 2 days
        3 | Denmark, Sweden | 127 | 216 | 4 days
    """
    write_html(
        path,
        "Tariff for pallets",
        "<h1>Tariff for pallets</h1><p>Valid from 1 March 2026, without tolls.</p>",
        "<h2>Prices by zone</h2>",
        Grid(prices, 2),
        "<h2>Surcharges</h2><ul><li>Tail lift: 22 euros per delivery</li>"
        "<li>Dangerous goods: 15 percent, 40 euros at least</li>"
        "<li>Delivery before 8 a.m.: 35 euros</li></ul>"
        "<h2>Pallet accounts</h2><p>Pallets that are not exchanged within 21 days cost 14.50 euros "
        "each. Statements are sent on the first Monday of the month.</p>",
    )


def _write_terms(path: Path) -> None:
    liability = """
        Kind of carriage | Largest compensation | Claims within
        National | 8.33 SDR per kg | 7 days
        International (CMR) | 8.33 SDR per kg | 21 days
        Storage | 5 SDR per kg | 14 days
    """
    write_word(
        path,
        "# Terms of carriage",
        "Edition of January 2026.",
        "## Booking",
        "Orders that arrive before 14:00 are collected on the next working day. A cancellation is "
        "free until 18:00 on the day before. After that, half the price is due.",
        "## Payment",
        "Invoices are due within 14 days. New customers pay in advance for the first three orders.",
        "## Liability",
        Grid(liability),
        "Glass and works of art are carried at the customer's risk.",
    )


def _write_handbook(path: Path) -> None:
    shifts = """
        Schicht | Zeiten | Zulage
        Früh | 5:00 bis 13:30 Uhr | –
        Spät | 13:00 bis 21:30 Uhr | 8 %
        Nacht | 21:00 bis 5:30 Uhr | 26 %
    """
    write_word(
        path,
        "# Mitarbeiterhandbuch",
        "Fassung vom 15. Januar 2026.",
        "## Schichten und Zulagen",
        Grid(shifts),
        "## Spesen",
        "### Inland",
        "Bei mehr als acht Stunden Abwesenheit gibt es 14 Euro, bei ganzen Tagen 28 Euro.",
        "### Ausland",
        "Die Sätze richten sich nach dem Land. Für Übernachtungen in der Kabine zahlt der Betrieb "
        "9 Euro.",
        "## Arbeitskleidung",
        "Jeder Fahrer erhält zwei Warnwesten und ein Paar Sicherheitsschuhe. Ersatz gibt es bei "
        "Gundula Prechtl im Lager.",
        "## Jubiläum",
        "Nach zehn Jahren gibt es einen Tag Sonderurlaub, nach 25 Jahren drei Tage und 600 Euro.",
    )


def _write_courses(path: Path) -> None:
    courses = """
        Subject | Course | Length | Refresher | Trainer
        Driving | Economic driving | 1 day | every 5 years | Ossian Vogt
        ^ | Securing of loads | 2 days | every 3 years | Ossian Vogt
        Goods | Dangerous goods (ADR), basic | 3 days | every 5 years | external
        ^ | Food hygiene | 2 hours | every year | Benedikta Moos
        Machines | Forklift licence | 4 days | every year | Ruben Achtelik
    """
    write_word(
        path,
        "# Training catalogue 2026",
        "Sign up with Benedikta Moos at least ten days before a course.",
        Grid(courses),
        "Courses take place in the depot, from six participants on.",
    )


def _write_briefing(path: Path) -> None:
    write_slides(
        path,
        Slide("Safety briefing", "Every driver, every January"),
        Slide(
            "On the yard",
            "Speed limit 10 km/h\nHigh-visibility vest from the gate on\n"
            "Reversing only with a second person",
            "In 2025 there were three collisions, all while reversing.",
        ),
        Slide(
            "After an accident",
            "Secure the place, call 112, then the dispatcher\n"
            "Photograph all vehicles before they are moved\n"
            "Send the report within 24 hours",
        ),
    )


def _write_energy(path: Path) -> None:
    use = """
        Site | Electricity | < | Gas | < | Change
        ^ | 2024 | 2025 | 2024 | 2025 | ^
        Depot Kempten | 412.6 | 388.1 | 655 | 590.4 | -0.084
        Warehouse Ulm | 268 | 275.9 | 301.2 | 284.7 | -0.015
        Office | 57.3 | 49.8 | 0 | 0 | -0.131
    """
    formats = dict.fromkeys("BCDE", "#,##0.0") | {"F": "0.0%"}
    above = ("Energy report 2025", "Use in MWh; change of the sum of both")
    write_sheets(path, Sheet("Use", Grid(use, 2), above, formats))


def _write_minutes(path: Path) -> None:
    write_word(
        path,
        "# Depot meeting, 5 February 2026",
        "Present: Ulrich Zeidler, Benedikta Moos, Ruben Achtelik, Gundula Prechtl.",
        "## Charging points",
        "The city has approved six charging points. The grid operator needs until October. "
        "Costs: 84,000 euros, of which 30 percent are subsidised.",
        "## Tyres",
        "Two of four offers were refused. Reifen Haslach supplies us until the end of 2027.",
        "- Ruben Achtelik measures all treads until 20 February\n"
        "- Gundula Prechtl orders 24 winter tyres for the vans",
    )
