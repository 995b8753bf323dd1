"""Personal data and secrets in a text, Korean and English: where they are, and the text without them.

Guarantee: what has a checksum or a fixed form is found by it, so that order numbers and dates are left alone; names and
street addresses have neither and are not looked for. A text without findings is returned as it is. Time is linear in
the text: each pattern has bounded repetitions and starts at a character that narrows it.

Sources: the Luhn formula (ISO/IEC 7812-1); resident registration numbers by the Korean Resident Registration Act's
enforcement rules (birth date and a digit for century and sex; the check digit is not used, numbers given since October
2020 have none); numbers of Korean carriers (010, 011, 016-019) and areas (02, 03x-06x, 070); E.164.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What was found."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    RESIDENT_NUMBER = "resident_number"
    PASSPORT = "passport"
    DRIVER_LICENCE = "driver_licence"
    SSN = "ssn"
    SECRET = "secret"  # noqa: S105  the name of a kind


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place in a text: characters ``start`` (first) to ``end`` (behind the last)."""

    start: int
    end: int
    kind: Kind


def find(text: str) -> list[Finding]:
    """Return every place with personal data or a secret, in order, none overlapping another."""
    found: list[Finding] = []
    for finding in sorted(_candidates(text), key=lambda f: (f.start, -f.end)):
        if not found or finding.start >= found[-1].end:
            found.append(finding)
    return found


def redact(text: str) -> str:
    """Return the text with its kind in the place of each finding, as in ``Write to [email].``."""
    found = find(text)
    if not found:
        return text
    pieces, end = [], 0
    for finding in found:
        pieces += [text[end : finding.start], f"[{finding.kind}]"]
        end = finding.end
    return "".join([*pieces, text[end:]])


def _candidates(text: str) -> Iterator[Finding]:
    for kind, pattern, holds in _RULES:
        for match in pattern.finditer(text):
            if holds(match[0]):
                yield Finding(match.start(), match.end(), kind)


def _always(_: str) -> bool:
    return True


def _luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = (d * 2 - 9 * (d > 4) for d in digits[-2::-2])
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _birth_date(text: str) -> bool:
    """Tell whether a resident number begins with a date: year, month, day as two digits each."""
    return 1 <= int(text[2:4]) <= 12 and 1 <= int(text[4:6]) <= 31


def _social_security(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


_RULES: Final[tuple[tuple[Kind, re.Pattern[str], Callable[[str], bool]], ...]] = (
    (
        Kind.SECRET,
        re.compile(
            r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,8000}(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?"
            r"|\b(?:sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,200}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,255}"
            r"|xox[abposr]-[A-Za-z0-9-]{10,200}|AIza[A-Za-z0-9_-]{35}|eyJ[\w-]{10,2000}\.[\w-]{10,4000}\.[\w-]{10,1000})"
        ),
        _always,
    ),
    (
        Kind.EMAIL,
        re.compile(r"(?<![\w.+%-])[A-Za-z0-9_.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"),
        _always,
    ),
    (Kind.RESIDENT_NUMBER, re.compile(r"(?<![\d-])\d{6}[ -]?[1-8]\d{6}(?![\d-])", re.ASCII), _birth_date),
    (Kind.DRIVER_LICENCE, re.compile(r"(?<![\d-])(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?![\d-])", re.ASCII), _always),
    (Kind.CARD, re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])", re.ASCII), _luhn),
    (Kind.SSN, re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", re.ASCII), _social_security),
    (
        Kind.PHONE,
        re.compile(
            r"(?<![\w-])(?:\+?82[ -]?(?:\(0\))?|\(?0)(?:1[016-9]|2|[3-6]\d|70)\)?[ .-]?\d{3,4}[ .-]?\d{4}(?![\d-])"
            r"|(?<![\w-])\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?![\d-])"
            r"|(?<![\w-])(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?![\d-])",
            re.ASCII,
        ),
        lambda text: 8 <= sum(c.isdigit() for c in text) <= 15,
    ),
    (Kind.PASSPORT, re.compile(r"(?<![A-Za-z0-9])[MSRODG](?:\d{8}|\d{3}[A-Z]\d{4})(?![A-Za-z0-9])", re.ASCII), _always),
)
