"""Words of the SQL page."""

from typing import Final

from haechi_collector.web.language import Word

TABLES: Final = Word("Tables", "테이블")
FIND: Final = Word("Find a column", "컬럼 찾기")
RUN: Final = Word("Run", "실행")
STOP: Final = Word("Stop", "중지")
RUNNING: Final = Word("Running…", "실행 중…")
STOPPED: Final = Word("Stopped", "중지됨")
EXAMPLES: Final = Word("Examples", "예시")
SAVE_AS: Final = Word("All rows as", "전체 저장")
COPY_CURL: Final = Word("Copy as curl", "curl로 복사")
TABLE: Final = Word("Table", "표")
CHART: Final = Word("Chart", "차트")
ROWS: Final = Word("rows", "행")
CUT: Final = Word("the first; save to have all", "일부만 표시, 저장하면 전체")
KIND: Final = Word("Kind", "종류")
LINE: Final = Word("Line", "선")
BAR: Final = Word("Bar", "막대")
SERIES: Final = Word("Series", "시리즈")
EDITOR: Final = Word("SQL query", "SQL 쿼리")

BY_MODEL: Final = Word("Models: calls, p95, cost", "모델별 호출, p95, 비용")
BY_HOUR: Final = Word("Cost per hour and model", "시간·모델별 비용")
BY_PROMPT: Final = Word("Prompt versions: time to first token", "프롬프트 버전별 첫 토큰까지의 시간")
DEAREST: Final = Word("The dearest calls", "가장 비싼 호출")
HALLUCINATED: Final = Word("Answers that contradict their documents", "문서와 모순되는 답변")
FAILED: Final = Word("Errors by kind", "종류별 오류")
SAID: Final = Word("Search in prompts", "프롬프트에서 검색")
UNPRICED: Final = Word("What has no price", "가격이 없는 호출")
LANGUAGES: Final = Word("By an attribute of your own", "직접 보낸 속성별")
