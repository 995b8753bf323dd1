"""Words of the pages of traces, sessions and users."""

from typing import Final

from haechi_collector.web.language import Word

SEARCH_TEXT: Final = Word("Text in prompts and answers", "프롬프트와 답변의 텍스트")
SEARCH: Final = Word("Search", "검색")
ORDER: Final = Word("Order", "정렬")
NEWEST: Final = Word("Newest", "최신순")
SLOWEST: Final = Word("Slowest", "느린 순")
DEAREST: Final = Word("Dearest", "비싼 순")
LONGEST: Final = Word("Longest", "긴 순")
MOST_REQUESTS: Final = Word("Most requests", "요청 많은 순")
MOST_ERRORS: Final = Word("Most errors", "오류 많은 순")
ONLY_ERRORS: Final = Word("Only errors", "오류만")
FAILED: Final = Word("{count} failed", "오류 {count}")
NEXT_PAGE: Final = Word("Next page", "다음 페이지")
FIRST_PAGE: Final = Word("First page", "첫 페이지")
NO_TRACES: Final = Word(
    "No trace here. Take a longer time range, or fewer filters.",
    "해당하는 트레이스가 없습니다. 기간을 늘리거나 필터를 줄여 보세요.",
)
NO_SESSIONS: Final = Word(
    "No session here. A session is a conversation: send the attribute gen_ai.conversation.id, or use"
    " haechi.context(session=…).",
    "세션이 없습니다. 세션은 하나의 대화입니다. gen_ai.conversation.id 속성을 보내거나"
    " haechi.context(session=…)을 쓰세요.",
)
NO_USERS: Final = Word(
    "No user here. Send the attribute user.id, or use haechi.context(user=…).",
    "사용자가 없습니다. user.id 속성을 보내거나 haechi.context(user=…)을 쓰세요.",
)
NO_TRACE: Final = Word(
    "There is no such trace. It may not have arrived yet, or be older than what is kept.",
    "트레이스를 찾을 수 없습니다. 아직 도착하지 않았거나 보관 기간이 지났을 수 있습니다.",
)
QUESTION: Final = Word("Question and answer", "질문과 답변")
SPANS: Final = Word("Spans", "스팬")
SPAN: Final = Word("Span", "스팬")
OPERATION: Final = Word("Operation", "작업")
SESSION: Final = Word("Session", "세션")
PROMPT: Final = Word("Prompt", "프롬프트")
STATUS: Final = Word("Status", "상태")
ERROR: Final = Word("Error", "오류")
FINISHED_BY: Final = Word("Finish reason", "종료 사유")
EXPERIMENT: Final = Word("Experiment", "실험")
WATERFALL: Final = Word("Waterfall", "타임라인")
CRITICAL: Final = Word("Critical path", "임계 경로")
FOLD: Final = Word("Fold or unfold", "접기/펼치기")
CONVERSATION: Final = Word("Conversation", "대화")
NO_CONVERSATION: Final = Word(
    "No prompts or answers were recorded. Turn content on with haechi run --content on, or HAECHI_CONTENT=on.",
    "프롬프트와 답변이 기록되지 않았습니다. haechi run --content on 또는 HAECHI_CONTENT=on으로 켤 수 있습니다.",
)
CONTEXT: Final = Word("Retrieved context", "검색된 문서")
NO_CONTEXT: Final = Word("No documents were retrieved.", "검색된 문서가 없습니다.")
SCORES: Final = Word("Scores", "점수")
NO_SCORES: Final = Word(
    "Nobody has judged this yet. Use the thumbs of a span, haechi.score(…), or POST /api/v1/scores.",
    "아직 평가가 없습니다. 스팬의 좋아요/싫어요 단추나 haechi.score(…), POST /api/v1/scores로 평가할 수 있습니다.",
)
SCORE: Final = Word("Score", "점수")
VALUE: Final = Word("Value", "값")
BY: Final = Word("By", "평가자")
CONTENT_LEFT_OUT: Final = Word("Some of it is left out for length.", "길이 때문에 일부가 생략되었습니다.")
SPANS_LEFT_OUT: Final = Word("{count} more spans are not shown.", "스팬 {count}개는 표시하지 않습니다.")
TRACES_LEFT_OUT: Final = Word("{count} more traces are not shown.", "트레이스 {count}개는 표시하지 않습니다.")
MORE: Final = Word("Show all", "모두 보기")
SYSTEM: Final = Word("System", "시스템")
USER: Final = Word("User", "사용자")
ASSISTANT: Final = Word("Assistant", "어시스턴트")
TOOL: Final = Word("Tool", "도구")
TOOL_CALL: Final = Word("Calls", "호출")
TOOL_RESULT: Final = Word("Result", "결과")
REASONING: Final = Word("Reasoning", "추론")
ASKED: Final = Word("Input", "입력")
ANSWERED: Final = Word("Output", "출력")
INSTRUCTIONS: Final = Word("System instructions", "시스템 지시")
TOOLS: Final = Word("Tool definitions", "도구 정의")
RECEIPT: Final = Word("Cost receipt", "비용 내역")
BUCKET: Final = Word("Bucket", "항목")
RATE: Final = Word("Per million", "백만 개당")
AMOUNT: Final = Word("Amount", "금액")
ATTRIBUTES: Final = Word("Attributes", "속성")
RESOURCE: Final = Word("Resource", "리소스")
EVENTS: Final = Word("Events", "이벤트")
LINKS: Final = Word("Links", "링크")
RAW: Final = Word("Everything, as JSON", "전체 JSON")
COPY_ID: Final = Word("Copy trace id", "트레이스 ID 복사")
COPY_CURL: Final = Word("Copy as curl", "curl로 복사")
IN_SQL: Final = Word("In SQL", "SQL로 보기")
UNPRICED: Final = Word("unpriced", "가격 없음")
ORPHAN: Final = Word("its parent is not here", "상위 스팬 없음")

SESSIONS: Final = Word("Sessions", "세션")
USERS: Final = Word("Users", "사용자")
TIMELINE: Final = Word("Timeline", "타임라인")
FIRST_QUESTION: Final = Word("First question", "첫 질문")
LAST_SEEN: Final = Word("Last seen", "마지막 활동")
LASTED: Final = Word("Lasted", "지속 시간")
DAYS_ACTIVE: Final = Word("Days active", "활동 일수")
P95: Final = Word("p95 latency", "p95 지연 시간")
FEEDBACK: Final = Word("Feedback", "피드백")
THUMBS_UP: Final = Word("Good", "좋아요")
THUMBS_DOWN: Final = Word("Bad", "싫어요")
SAVED: Final = Word("Saved", "저장했습니다")
NOT_SAVED: Final = Word("Not saved", "저장하지 못했습니다")
THUMBS: Final = Word("{up} thumbs up, {down} thumbs down", "좋아요 {up}, 싫어요 {down}")
HALLUCINATIONS: Final = Word("Hallucinations", "환각")
PER_DAY: Final = Word("Cost per day", "일별 비용")
NO_SESSION: Final = Word("There is no such session in this time range.", "이 기간에 해당 세션이 없습니다.")
NO_USER: Final = Word("There is no such user in this time range.", "이 기간에 해당 사용자가 없습니다.")
