"""The form that asks a browser for an API key, in its language. No script, no assets."""

from typing import Final

from haechi_collector.errors import HaechiError
from haechi_collector.web import words_login as words
from haechi_collector.web.html import Html, join, tag
from haechi_collector.web.language import Translator, Word
from haechi_collector.web.words_errors import told

_PAGE: Final = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ground: #f7f7f6; --surface: #fff; --line: #cfcfcb; --text: #1b1d20;
  --muted: #5b6068; --accent: #1f5fd0; --on-accent: #fff; --bad: #c4314b; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: #0e1013; --surface: #15181c; --line: #3a4048; --text: #e7e9ec;
  --muted: #a3a9b2; --accent: #6ea0ff; --on-accent: #0b1220; --bad: #ff7d92; }} }}
* {{ box-sizing: border-box; }}
body {{ display: grid; place-items: center; min-height: 100vh; margin: 0; padding: 16px; background: var(--ground);
  color: var(--text); font: 14px/1.5 Inter, system-ui, -apple-system, "Segoe UI", "Apple SD Gothic Neo",
  "Malgun Gothic", "Noto Sans KR", NanumGothic, sans-serif; }}
main {{ width: min(380px, 100%); padding: 26px 28px; border: 1px solid var(--line); border-radius: 10px;
  background: var(--surface); }}
h1 {{ margin: 0 0 14px; font-size: 19px; letter-spacing: -0.01em; }}
label {{ display: block; margin-bottom: 4px; color: var(--muted); }}
input {{ width: 100%; height: 36px; padding: 0 10px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--ground); color: inherit; font: inherit; }}
button {{ width: 100%; height: 36px; margin: 12px 0 16px; border: 0; border-radius: 6px; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }}
:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
p {{ margin: 0; color: var(--muted); }}
[role=alert] {{ margin-bottom: 10px; color: var(--bad); }}
[role=alert]:empty {{ display: none; }}
[role=alert] small {{ display: block; }}
code {{ padding: 1px 4px; border-radius: 4px; background: var(--ground); font-size: 12.5px; }}
</style>
</head>
<body>
<main>
<h1>Haechi</h1>
<p role="alert">{refusal}</p>
<form method="post" action="/login">
<input name="next" type="hidden" value="{target}">
<label for="key">{label}</label>
<input id="key" name="key" type="password" autocomplete="current-password" required>
<button>{button}</button>
</form>
<p>{hint}</p>
</main>
</body>
</html>
"""


_COMMAND: Final = "haechi keys create --project NAME --scope read"


def login_page(error: HaechiError | None, target: str, t: Translator) -> str:
    """Return the page; ``error`` says why a key was refused, ``target`` is where to go with a good one."""
    refusal = join([told(error, t), tag("small", str(error), lang="en")]) if error else Html("")
    return _PAGE.format(
        language=t.language,
        title=join(t(words.TITLE)),
        refusal=refusal,
        target=join(target),
        label=_with_code(t, words.KEY, scope="read"),
        button=join(t(words.LOG_IN)),
        hint=_with_code(t, words.MAKE_ONE, command=_COMMAND),
    )


def _with_code(t: Translator, word: Word, **codes: str) -> Html:
    """Return a text whose places are filled with code."""
    return Html(join(t(word)).format(**{name: tag("code", text) for name, text in codes.items()}))
