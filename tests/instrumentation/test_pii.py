"""Personal data and secrets are found by their form, and nothing else is."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.checks.pii import Kind, find, redact

CASES = [
    ("제 메일은 kim.minsu@example.co.kr입니다.", "제 메일은 [email]입니다."),
    ("Write to ada+test@mail.example.com, please.", "Write to [email], please."),
    ("전화번호는 010-1234-5678이고", "전화번호는 [phone]이고"),
    ("서울 (02) 345-6789, 국제 +82 10 1234 5678", "서울 [phone], 국제 [phone]"),
    ("Call (415) 555-0132 or +44 20 7946 0958.", "Call [phone] or [phone]."),
    ("주민등록번호 900101-1234567 확인", "주민등록번호 [resident_number] 확인"),
    ("운전면허 11-19-123456-01", "운전면허 [driver_licence]"),
    ("카드 4111 1111 1111 1111 승인", "카드 [card] 승인"),
    ("여권 M12345678, 새 여권 M123A4567", "여권 [passport], 새 여권 [passport]"),
    ("SSN 219-09-9999", "SSN [ssn]"),
    ("key sk-proj-abcdefghijklmnopqrstuvwx and AKIAIOSFODNN7EXAMPLE", "key [secret] and [secret]"),
]
CLEAN = [
    "주문번호 4111111111111112는 배송 중입니다.",  # fails Luhn
    "2026-11-22 10:15:30에 접수된 1,234,567원 건",
    "The p95 was 1234.5678 ms at 3.14159 for order 900132-1234567.",  # no such month
    "버전 1.2.3.4 / SHA 9f86d081884c7d659a2feaa0c55ad015",
    "SSN-like 000-12-3456 and part 12345-678",
    "user@localhost, @mention, a@b",
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_what_is_personal_is_replaced_by_its_kind(text: str, expected: str) -> None:
    """Each kind, in a Korean or an English sentence."""
    assert redact(text) == expected


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_so_is_left(text: str) -> None:
    """Numbers that fail the checksum, dates, versions and amounts stay."""
    assert find(text) == []
    assert redact(text) is text


def test_redacted_json_is_json() -> None:
    """No finding reaches over the quotes of a JSON text."""
    said = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text, _ in CASES]
    redacted = json.loads(redact(json.dumps(said, ensure_ascii=False)))
    assert [m["parts"][0]["content"] for m in redacted] == [expected for _, expected in CASES]


@given(st.text(alphabet=st.sampled_from(' 0123456789-+().@abcMsk_한글\n"'), max_size=200))
def test_findings_are_in_order_and_redaction_leaves_none(text: str) -> None:
    """Findings never overlap, and a redacted text has nothing left of the kinds whose form is sure."""
    found = find(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert not {Kind.EMAIL, Kind.SECRET} & {finding.kind for finding in find(redact(text))}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["1", "1-", "a@", "a.", "+1 ", "eyJa.", "-----BEGIN PRIVATE KEY-----", "sk-", "M1"])
def test_hostile_text_is_done_with(unit: str) -> None:
    """Half a million characters of almost-matches: quadratic work would not end within the test's time."""
    text = unit * (500_000 // len(unit))
    assert all(0 <= f.start < f.end <= len(text) for f in find(text))
