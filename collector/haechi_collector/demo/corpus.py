"""What the pretend application knows: help articles, questions about them, answers.

Invariants: `Topic.answer` says nothing that `Topic.documents` does not say; `Topic.wrong_answer` changes a number or a
name in it and so contradicts them.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of support."""

    language: str
    documents: tuple[tuple[str, str], ...]
    """(id, text) of each article, the best first."""
    questions: tuple[str, ...]
    answer: str
    wrong_answer: str
    tool: str = ""
    """A function of the application that the model asks for first; '' for none."""


SYSTEM: Final = {
    "ko": "당신은 한빛몰의 고객 지원 담당자입니다. 아래 문서에 있는 내용만으로 정중하게 답하세요.",
    "en": "You are a support agent of Hanbit Mall. Answer politely and only from the documents below.",
}

TOPICS: Final[tuple[Topic, ...]] = (
    Topic(
        "ko",
        (
            (
                "refund-ko-3",
                "구매 후 14일 이내에는 전액 환불이 가능합니다. 15일부터 30일까지는 수수료 10%를 제하고 환불합니다.",
            ),
            ("refund-ko-1", "환불 금액은 승인 후 영업일 기준 3일 안에 결제하신 카드로 입금됩니다."),
        ),
        (
            "환불은 며칠 안에 신청해야 하나요?",
            "2주 전에 산 신발을 환불하고 싶은데 가능한가요?",
            "환불하면 돈은 언제 들어와요?",
        ),
        "구매 후 14일 이내에는 전액 환불이 가능합니다. 승인되면 영업일 기준 3일 안에 결제하신 카드로 입금됩니다.",
        "구매 후 60일 이내에는 전액 환불이 가능합니다. 승인되면 영업일 기준 3일 안에 결제하신 카드로 입금됩니다.",
    ),
    Topic(
        "ko",
        (
            (
                "ship-ko-2",
                "서울과 경기 지역은 주문 다음 날, 제주 지역은 주문 후 3일째에 도착합니다. 배송비는 3,000원입니다.",
            ),
            ("ship-ko-5", "50,000원 이상 주문하시면 배송비가 무료입니다."),
        ),
        ("제주도는 배송이 얼마나 걸려요?", "배송비가 얼마인가요?", "제 주문이 지금 어디에 있나요?"),
        "제주 지역은 주문 후 3일째에 도착하고 배송비는 3,000원입니다. 50,000원 이상 주문하시면 무료입니다.",
        "제주 지역은 주문 후 7일째에 도착하고 배송비는 3,000원입니다. 80,000원 이상 주문하시면 무료입니다.",
        "get_order_status",
    ),
    Topic(
        "ko",
        (
            (
                "warranty-ko-1",
                "노트북 한빛북 14의 무상 보증 기간은 2년이며, 배터리는 1년입니다. 수리는 용산 센터에서 합니다.",
            ),
            ("warranty-ko-4", "침수로 인한 고장은 보증 대상이 아닙니다. 수리 문의는 1588-0421로 하시면 됩니다."),
        ),
        ("한빛북 배터리도 보증이 되나요?", "노트북 수리는 어디서 받나요?"),
        "한빛북 14의 무상 보증은 2년이고 배터리는 1년입니다. 수리는 용산 센터에서 하며 문의 전화는 1588-0421입니다.",
        "한빛북 14의 무상 보증은 2년이고 배터리는 3년입니다. 수리는 강남 센터에서 하며 문의 전화는 1588-0421입니다.",
    ),
    Topic(
        "ko",
        (
            (
                "member-ko-2",
                "골드 회원은 구매 금액의 5%를, 실버 회원은 2%를 포인트로 적립합니다. 등급은 매월 1일에 바뀝니다.",
            ),
            ("member-ko-3", "포인트는 적립일부터 12개월 동안 쓸 수 있으며 1,000점부터 사용할 수 있습니다."),
        ),
        ("골드 회원은 포인트를 얼마나 적립해 주나요?", "포인트 유효 기간이 궁금합니다."),
        "골드 회원은 구매 금액의 5%를 적립합니다. 포인트는 12개월 동안 쓸 수 있고 1,000점부터 사용됩니다.",
        "골드 회원은 구매 금액의 15%를 적립합니다. 포인트는 24개월 동안 쓸 수 있고 1,000점부터 사용됩니다.",
        "get_member_tier",
    ),
    Topic(
        "en",
        (
            (
                "refund-en-3",
                "Full refunds are possible within 14 days of purchase. From day 15 to day 30 a fee of 10% applies.",
            ),
            ("refund-en-1", "Refunds reach your card within 3 business days after approval."),
        ),
        ("How long do I have to return my order?", "When will I see my refund on my card?"),
        "You can get a full refund within 14 days of purchase; it reaches your card within 3 business days.",
        "You can get a full refund within 45 days of purchase; it reaches your card within 3 business days.",
    ),
    Topic(
        "en",
        (
            (
                "plan-en-2",
                "The Team plan costs $29 per user a month and includes 250 GB of storage. The Pro plan costs $79.",
            ),
            ("plan-en-6", "Plans can be changed at any time; the difference is credited to the next invoice."),
        ),
        ("How much is the Team plan?", "What storage comes with the Team plan, and can I switch later?"),
        "The Team plan costs $29 per user a month and includes 250 GB of storage. You can change plans at any time.",
        "The Team plan costs $19 per user a month and includes 500 GB of storage. You can change plans at any time.",
        "get_invoice",
    ),
    Topic(
        "en",
        (
            (
                "api-en-1",
                "The public API allows 600 requests per minute per key. Keys expire after 90 days without use.",
            ),
            (
                "api-en-4",
                "Status and incidents are published by Mina Park's reliability team at status.hanbit.example.",
            ),
        ),
        ("What is the rate limit of the API?", "Do API keys expire?"),
        "The API allows 600 requests per minute per key. Keys expire after 90 days without use.",
        "The API allows 6000 requests per minute per key. Keys expire after 30 days without use.",
    ),
    Topic(
        "en",
        (
            (
                "device-en-2",
                "The Hanbit Hub connects up to 32 devices over Zigbee 3.0 and needs firmware 2.4 or newer.",
            ),
            ("device-en-3", "Hold the reset button for 10 seconds until the light turns amber."),
        ),
        ("How many devices can the hub connect?", "How do I reset the Hanbit Hub?"),
        "The Hanbit Hub connects up to 32 devices. To reset it, hold the button for 10 seconds until it turns amber.",
        "The Hanbit Hub connects up to 64 devices. To reset it, hold the button for 30 seconds until it turns blue.",
        "get_device",
    ),
)

TOOLS: Final = {
    "get_order_status": (
        "주문의 배송 상태를 조회합니다.",
        {"order_id": "HB-20417"},
        {"status": "배송 중", "hub": "이천"},
    ),
    "get_member_tier": ("회원의 등급을 조회합니다.", {"member_id": "M-8813"}, {"tier": "gold", "points": 4200}),
    "get_invoice": ("Look up the newest invoice.", {"account": "acme"}, {"plan": "Team", "users": 12}),
    "get_device": ("Look up a registered device.", {"serial": "HUB-33-1029"}, {"firmware": "2.5.1", "devices": 9}),
}
"""Tool → what it does, arguments of a call, its result."""
