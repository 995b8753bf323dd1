"""What a read-only query may name: functions, tables, settings, output formats. The lists are in ``sql_names.txt``.

Guarantee: everything is an allow-list. What ClickHouse adds tomorrow is refused until somebody has read what it does.
"""

import re
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

_COMBINATOR: Final = re.compile(
    "(?:SimpleState|OrDefault|Distinct|Resample|ForEach|ArgMax|ArgMin|OrNull|Merge|State|Array|Map|If)$"
)


class Names(NamedTuple):
    """The lists; functions, tables and table functions in lower case, keywords in upper case."""

    keywords: frozenset[str]
    types: frozenset[str]
    system_tables: frozenset[str]
    schema_tables: frozenset[str]
    table_functions: frozenset[str]
    formats: frozenset[str]
    settings: frozenset[str]
    setting_prefixes: tuple[str, ...]
    functions: frozenset[str]
    aggregates: frozenset[str]
    higher_order: frozenset[str]
    refused: dict[str, str]
    """Function to reason, so that a refusal can say why."""
    refused_formats: dict[str, str]


@cache
def names() -> Names:
    """Read the lists."""
    sections: dict[str, list[str]] = {}
    section: list[str] = []
    for line in resources.files(__package__).joinpath("sql_names.txt").read_text("utf-8").splitlines():
        if line.startswith(("+ ", "- ")):
            section = sections.setdefault(line, [])
        elif not line.startswith("#"):
            section.extend(line.split())
    functions = [n for title, listed in sections.items() if title.startswith("+ function: ") for n in listed]
    return Names(
        keywords=frozenset(sections["+ keyword"]),
        types=frozenset(sections["+ type"]),
        system_tables=frozenset(sections["+ system table"]),
        schema_tables=frozenset(sections["+ information_schema table"]),
        table_functions=_lower(sections["+ table function"]),
        formats=frozenset(sections["+ format"]),
        settings=frozenset(sections["+ setting"]),
        setting_prefixes=tuple(sections["+ setting prefix"]),
        functions=_lower(functions),
        aggregates=_lower(sections["+ function: aggregate"]),
        higher_order=_lower(sections["+ function: higher order"]),
        refused={name.lower(): reason for name, reason in _refused(sections, "- function: ")},
        refused_formats=dict(_refused(sections, "- format: ")),
    )


def _refused(sections: dict[str, list[str]], kind: str) -> list[tuple[str, str]]:
    return [
        (name, title.removeprefix(kind))
        for title, listed in sections.items()
        if title.startswith(kind)
        for name in listed
    ]


def _lower(listed: list[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in listed)


def is_function(name: str) -> bool:
    """Whether a query may call this function; aggregate functions may carry combinators."""
    if name.lower() in names().functions:
        return True
    while (base := _COMBINATOR.sub("", name)) != name:
        name = base
        if name.lower() in names().aggregates:
            return True
    return False


def why_no_format(name: str) -> str:
    """Return why an output format is refused, '' when it is answered."""
    if name in names().formats:
        return ""
    reason = names().refused_formats.get(name)
    return f"the output format {name} is {f'refused: {reason}' if reason else 'not known here'}"


def is_setting(name: str) -> bool:
    """Whether a query may set this: how an answer is computed or written, never a limit and never a path."""
    return name in names().settings or name.startswith(names().setting_prefixes)
