"""Names of time zones and of months, as stamps bear them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

# Those of RFC 5322, section 4.3, and others that mean one thing only where they are in use.
_HOURS: Mapping[str, float] = {
    "UTC": 0, "GMT": 0, "UT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2,
    "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3, "SAST": 2, "EAT": 3, "WAT": 1, "CAT": 2,
    "PKT": 5, "NPT": 5.75, "ICT": 7, "WIB": 7, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9,
    "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "EST": -5,
    "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9,
    "AKDT": -8, "HST": -10, "NST": -3.5, "NDT": -2.5, "BRT": -3, "ART": -3, "CLT": -4, "BST": 1,
    "TRT": 3,
}  # fmt: skip

ZONES: Mapping[str, int] = {name: round(hours * 60) for name, hours in _HOURS.items()}
"""Minutes east of UTC by name."""

# What several countries' own words are: names that mean another thing elsewhere are left out.
_MONTHS = (
    "jan january januar janvier janv enero ene januari gennaio gen janeiro janner jaen sty",
    "feb february februar fevrier fevr fev febrero februari febbraio fevereiro feber lut",
    "mar march marz mars maerz mrz mrt maart marzo marco",
    "apr april avril avr abril abr aprile kwi",
    "may mai mayo mei maj maggio mag maio",
    "jun june juni juin junio giugno giu junho cze",
    "jul july juli juil juillet julio luglio lug julho lip",
    "aug august aout aou agosto ago augustus augusti sie",
    "sep september sept septembre septiembre settembre set setembro wrz",
    "oct october oktober okt octobre octubre ottobre ott outubro out paz",
    "nov november novembre noviembre novembro",
    "dec december dezember dez decembre diciembre dic desember des dicembre dezembro gru",
)

MONTHS: Mapping[str, int] = {
    name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()
}
"""Months, 1 to 12, by name in lower case without accents and full stop."""


def month(name: str) -> int | None:
    """The month of a name in any of the languages, with accents or without."""
    plain = unicodedata.normalize("NFKD", name.casefold().rstrip("."))
    return MONTHS.get("".join(c for c in plain if not unicodedata.combining(c)))
