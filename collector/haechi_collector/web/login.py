"""The form that asks a browser for an API key. No script, no assets."""

import html
from typing import Final

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Haechi: log in</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; }}
input {{ font: inherit; width: 100%; box-sizing: border-box; margin: .3rem 0 1rem; padding: .3rem; }}
:root {{ color-scheme: light dark; }}
</style>
</head>
<body>
<h1>Haechi</h1>
<p role="alert">{message}</p>
<form method="post" action="/login">
<input name="next" type="hidden" value="{target}">
<label for="key">API key with the scope <code>read</code></label>
<input id="key" name="key" type="password" autocomplete="current-password" required>
<button>Log in</button>
</form>
<p>Make one with <code>haechi keys create --project NAME --scope read</code>.</p>
</body>
</html>
"""


def login_page(message: str, target: str) -> str:
    """Return the page; ``message`` says why a key was refused, '' for nothing; ``target`` is where to go then."""
    return _PAGE.format(message=html.escape(message), target=html.escape(target))
