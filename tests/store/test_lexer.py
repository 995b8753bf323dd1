"""The lexer loses nothing and cuts where ClickHouse cuts."""

from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.store.lexer import Token, literal, pieces, statements


@given(st.text(alphabet="aF1 ;'\"`\\/*-#!$()[]{}\n한", max_size=80))
def test_the_tokens_joined_give_the_text_again(text: str) -> None:
    """Nothing is lost, whatever the text."""
    assert "".join(piece.text for piece in pieces(text)) == text


@given(st.text(max_size=80))
def test_a_literal_is_one_string_token(text: str) -> None:
    """No text breaks out of its quotes."""
    assert [(p.token, p.text) for p in pieces(literal(text))] == [(Token.STRING, literal(text))]


def test_a_script_is_cut_at_its_semicolons_only() -> None:
    """Semicolons in strings, names, comments and heredocs cut nothing; empty statements vanish."""
    script = "-- a; b\nSELECT ';' ; ; SELECT `;`, \";\" /* ; */; SELECT $x$;$x$ -- end;"
    assert statements(script) == [
        "-- a; b\nSELECT ';'",
        'SELECT `;`, ";" /* ; */',
        "SELECT $x$;$x$ -- end;",
    ]
