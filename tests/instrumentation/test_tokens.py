"""A token count is what the model's own tokenizer yields, or there is none; nothing is ever fetched."""

import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from haechi import tokens

TABLE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
COOKBOOK = [
    (
        "system",
        "",
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    ),
    ("system", "example_user", "New synergies will help drive top-line growth."),
    ("system", "example_assistant", "Things working well together will increase revenue."),
    (
        "system",
        "example_user",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    ),
    ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
    ("user", "", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiktoken's cache with the table of GPT-4 in it."""
    packed = Path(__file__).parent / "data" / "cl100k_base.tiktoken.xz"
    (tmp_path / TABLE).write_bytes(lzma.decompress(packed.read_bytes()))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
    ],
)
def test_a_text_is_counted_as_the_cookbook_says(table: Path, text: str, expected: int) -> None:
    """The examples of OpenAI's cookbook for GPT-4."""
    assert table.is_dir()
    assert tokens.count(text, "gpt-4") == expected


def test_a_chat_prompt_is_counted_as_openai_counts_it(table: Path) -> None:
    """The cookbook's conversation is 129 prompt tokens by the API's own usage."""
    assert table.is_dir()
    assert tokens.count_messages(COOKBOOK, "gpt-4-0613") == 129


@pytest.mark.parametrize(
    "model", ["gpt-4", "gpt-4-0613", "openai/gpt-4-turbo", "GPT-3.5-turbo", "gpt-35-turbo", "text-embedding-3-small"]
)
def test_models_of_the_table_are_counted(table: Path, model: str) -> None:
    """However the model is spelt."""
    assert table.is_dir()
    assert tokens.count("hello world", model) == 2


@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-5", "gemini-2.5-pro", "llama3", "gpt-99", "", "gpt-4o-mini", "text-davinci-003"]
)
def test_other_models_are_not_counted(table: Path, model: str) -> None:
    """Another vendor's tokenizer, an unknown model, a table that is not at hand."""
    assert table.is_dir()
    assert tokens.count("hello world", model) is None
    assert tokens.count_messages([("user", "", "hello world")], model) is None
    assert tokens.count_messages([], model) is None


def test_special_tokens_in_a_text_are_text(table: Path) -> None:
    """A prompt that spells a control token is neither refused nor shortened."""
    assert table.is_dir()
    counted = tokens.count("<|endoftext|>", "gpt-4")
    assert counted is not None
    assert counted > 1


def test_a_text_beyond_the_bound_is_not_counted(table: Path) -> None:
    """No prompt that long fits a context window."""
    assert table.is_dir()
    assert tokens.count("a" * (tokens.TEXT_CHARS_MAX + 1), "gpt-4") is None


NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        print("network", event, flush=True)
        raise SystemExit(3)
sys.addaudithook(refuse)
from haechi import tokens
print(tokens.count("hello", "gpt-4"), tokens.count("hello", "gpt-4o"))
"""


@pytest.mark.parametrize("setting", ["TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR", "TMPDIR"])
def test_a_missing_table_is_not_fetched(tmp_path: Path, setting: str) -> None:
    """Without a table there is no count, no connection, and nothing written."""
    run = subprocess.run(
        [sys.executable, "-c", NO_NETWORK],
        env={setting: str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.stdout, run.returncode) == ("None None\n", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_table_is_not_replaced(tmp_path: Path) -> None:
    """Tiktoken would delete it and fetch another; it is left alone, and nothing is counted."""
    (tmp_path / TABLE).write_bytes(b"IQ== 0\n")
    run = subprocess.run(
        [sys.executable, "-c", NO_NETWORK],
        env={"TIKTOKEN_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.stdout, run.returncode) == ("None None\n", 0)
    assert (tmp_path / TABLE).read_bytes() == b"IQ== 0\n"


def test_without_a_cache_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty setting turns tiktoken's cache off."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert tokens.count("hello", "gpt-4") is None
