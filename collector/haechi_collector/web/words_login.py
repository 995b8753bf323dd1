"""Words of the form that asks for an API key. The places are for markup of ours."""

from typing import Final

from haechi_collector.web.language import Word

TITLE: Final = Word("Haechi: log in", "Haechi: 로그인")
KEY: Final = Word("API key with the scope {scope}", "{scope} 권한(scope)이 있는 API 키")
LOG_IN: Final = Word("Log in", "로그인")
MAKE_ONE: Final = Word("Make one with {command}.", "키는 {command} 명령으로 만듭니다.")
