"""Functions, settings, formats and parameters of a query, judged on its tokens.

Guarantee: an identifier before ``(`` is a listed function, type or keyword; an identifier in the place of a function
(the first argument of a higher-order function, APPLY) is a listed function; SETTINGS names listed settings; FORMAT
names a listed format; parameters are values, never identifiers; nothing is written to a file.
"""

from itertools import pairwise

from haechi_collector.query import confine, sql_names
from haechi_collector.query.sql_lexer import SqlRefused, Token


def check(tokens: list[Token], *, is_confined: bool = False) -> str | None:
    """Judge the tokens of one statement and return the output format that it names, if any.

    ``is_confined``: whether it will run for one project alone, see `confine`.

    Raises:
        SqlRefused: a name that is not listed; ``offset`` says where.
    """
    format_: str | None = None
    for at, (token, following) in enumerate(pairwise(tokens)):
        if following.text == "(" and token.name:
            _check_call(tokens, at)
        if token.text == "{":
            _check_parameter(tokens, at)
        elif token.word == "APPLY":
            _check_apply(tokens, at)
        elif token.word == "SETTINGS" and not (at and (tokens[at - 1].text == "." or tokens[at - 1].word == "AS")):
            _check_settings(tokens, at, is_confined=is_confined)
        elif token.word == following.word == "FROM" or (token.word == "SELECT" and following.text in {",", ")", "."}):
            # In (SELECT, t) ClickHouse reads two tables, sqlglot a query without a first column.
            raise SqlRefused(f"{token.word}: a name that is a keyword goes into backticks", token.start)
        elif token.word == "INTO" and following.word == "OUTFILE":
            raise SqlRefused("INTO OUTFILE writes a file", token.start)
        elif token.word == "FORMAT" and following.name and _ends_clause(tokens, at + 2):
            format_ = _check_format(following)
    return format_


def _check_call(tokens: list[Token], at: int) -> None:
    token = tokens[at]
    listed = sql_names.names()
    if token.word in listed.keywords or (token.kind == "word" and token.text in listed.types):
        return
    if token.name.lower() in listed.table_functions:
        return
    _check_function(token)
    if token.name.lower() in listed.higher_order:
        _check_function_argument(tokens, at + 1)


def _check_function(token: Token) -> None:
    name = token.name
    if sql_names.is_function(name):
        return
    reason = sql_names.names().refused.get(name.lower())
    raise SqlRefused(f"the function {name} is {f'refused: {reason}' if reason else 'not known here'}", token.start)


def _check_function_argument(tokens: list[Token], opening: int) -> None:
    """A name alone as the first of several arguments is the name of a function: ``arrayMap(upper, names)``."""
    depth, name = 0, None
    for at in range(opening, len(tokens)):
        token = tokens[at]
        if token.text in {"(", ")"}:
            depth += 1 if token.text == "(" else -1
        elif name is None and token.name:
            name = token
        else:
            if name is not None and token.text == "," and depth == 1 and not name.text[0].isdigit():
                _check_function(name)
            return


def _check_apply(tokens: list[Token], at: int) -> None:
    after = tokens[at + 1 : at + 4]
    if after and after[0].text == "(":
        after = after[1:]
    if after and after[0].name and not (len(after) > 1 and after[1].text == "->"):
        _check_function(after[0])


def _check_settings(tokens: list[Token], at: int, *, is_confined: bool) -> None:
    """SETTINGS name [= value], ...; a name without a value sets it to 1."""
    while at + 1 < len(tokens) and (name := tokens[at + 1]).name:
        if not sql_names.is_setting(name.name):
            raise SqlRefused(f"the setting {name.name} cannot be chosen here", name.start)
        if is_confined:
            confine.check_setting(name.name, name.start)
        at = _skip_value(tokens, at + 2)
        if at >= len(tokens) or tokens[at].text != ",":
            return
        if at + 1 >= len(tokens) or not tokens[at + 1].name:
            raise SqlRefused("expected a setting", tokens[at].start)


def _skip_value(tokens: list[Token], at: int) -> int:
    """Index behind ``= value``, where the value is one literal."""
    if at >= len(tokens) or tokens[at].text != "=":
        return at
    at += 2 if at + 1 < len(tokens) and tokens[at + 1].text in {"-", "+"} else 1
    if at >= len(tokens) or tokens[at].kind not in {"word", "string"}:
        raise SqlRefused("the value of a setting is one number or string", tokens[min(at, len(tokens) - 1)].start)
    return at + 3 if at + 2 < len(tokens) and tokens[at + 1].text == "." else at + 1


def _check_parameter(tokens: list[Token], at: int) -> None:
    """A parameter is ``{name:Type}``; of type Identifier it could name any table."""
    if len(tokens) < at + 4 or not tokens[at + 1].name or tokens[at + 2].text != ":":
        raise SqlRefused("{ begins a parameter, {name:Type}", tokens[at].start)
    for behind in range(at + 3, len(tokens)):
        token = tokens[behind]
        if token.text in {"{", "}"}:
            break
        if token.name.lower() == "identifier":
            raise SqlRefused("a parameter cannot be an identifier", token.start)


def _ends_clause(tokens: list[Token], at: int) -> bool:
    return at >= len(tokens) or tokens[at].word == "SETTINGS" or tokens[at].text == ")"


def _check_format(token: Token) -> str:
    if reason := sql_names.why_no_format(token.name):
        raise SqlRefused(reason, token.start)
    return token.name
