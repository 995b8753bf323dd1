"""What attributes tell of a call: the columns that spans and content-carrying log records have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.columns import Filling, Mask
from haechi_collector.stages.dialects import Source, Words
from haechi_collector.stages.normalize_content import ContentReader
from haechi_collector.stages.normalize_errors import fold_errors
from haechi_collector.stages.normalize_finish import finish_reasons
from haechi_collector.stages.normalize_reader import Fold, Numbers, Reader

IDENTITY: Final = ("user_id", "session_id", "prompt_name", "prompt_version", "experiment", "variant")
_RETRIEVALS: Final = frozenset({"retrieval", "rerank"})
_EMBEDDINGS: Final = "embeddings"


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of `batch.SPANS` by name, and what the table does not show."""

    columns: Mapping[str, pa.Array]
    response_id: pa.StringArray
    is_inference: Mask


@dataclass(frozen=True, slots=True)
class Usage:
    """Token columns by the convention's rule with ``usage_source``, and parts of them that the table does not show."""

    columns: Mapping[str, pa.Array]
    audio_input: pa.UInt64Array
    audio_output: pa.UInt64Array
    cache_write_1h: pa.UInt64Array


def read_facts(reader: Reader, batch: pa.RecordBatch, trusting: bool = True) -> Facts:
    """Return every column that is no number of tokens and no cost.

    Args:
        reader: of the batch.
        batch: for its columns trace_id, status_code and status_message.
        trusting: whether messages that look right pass unparsed.
    """
    words = reader.known.words
    status, failed = _status(reader, batch.column("status_code"))
    columns = {name: reader.text(name) for name in IDENTITY}
    columns["operation"] = reader.text("operation", _by_words(words.operation))
    columns["provider"] = reader.text("provider", _by_words(words.provider))
    columns |= {name: reader.text(name) for name in ("request_model", "response_model")}
    columns["response_model"] = _embedded_by(columns, failed)
    columns["status_code"] = status
    columns["error_type"] = _error_types(reader, batch.column("status_message"), failed)
    columns |= _timing(reader)
    content = ContentReader(reader, _finish_fold(words), trusting)
    for name in ("input_messages", "output_messages", "system_instructions", "tool_definitions"):
        columns[name] = content.column(name)
    content.take_away_requests()
    columns["finish_reasons"] = finish_reasons(reader, _finish_fold(words), content.finish_reasons)
    inference = _among(columns["operation"], words.inference)
    columns["retrieved_context"] = _context(content, columns["operation"], inference, batch.column("trace_id"))
    return Facts(columns, reader.text("response_id"), inference)


def _by_words(words: Mapping[str, str]) -> Fold:
    def fold(source: Source, word: str) -> str:
        own = source.fold.get(word, word)
        known = words.get(own.lower())
        if known is not None or not source.cut:
            return own if known is None else known
        head = own.split(".", 1)[0]
        return words.get(head.lower(), head)

    return fold


def _finish_fold(words: Words) -> "_FinishFold":
    return _FinishFold(words.finish_reason)


@dataclass(frozen=True, slots=True)
class _FinishFold:
    words: Mapping[str, str]

    def __call__(self, word: str) -> str:
        # Semantic Kernel writes the name of its enum: FinishReason.STOP.
        return self.words.get(word.rsplit(".", 1)[-1].lower(), word)


def _embedded_by(columns: Mapping[str, pa.Array], failed: Mask) -> pa.StringArray:
    """Return the response models. Vectors of two models do not mix, so an embedding is by the model asked for."""
    silent = pc.and_(pc.equal(columns["operation"], "embeddings"), pc.equal(columns["response_model"], ""))
    answered = pc.and_(silent, pa.array(~failed))
    return pc.if_else(answered, columns["request_model"], columns["response_model"])


def _status(reader: Reader, status: pa.StringArray) -> tuple[pa.StringArray, Mask]:
    said = reader.flag("is_error")
    if said.any():
        status = pc.if_else(pa.array(said), "error", status)
    return status, _mask(pc.equal(status, "error"))


def _error_types(reader: Reader, messages: pa.StringArray, failed: Mask) -> pa.StringArray:
    """Fold the error types of LLM spans; those of others stay as they are."""
    known = reader.codes < len(reader.known.all)
    texts = reader.text("error_type", events_for=failed)
    named = _mask(pc.not_equal(texts, ""))
    return fold_errors(texts, messages, (failed | named) & known, reader.known.words.error_type)


def _timing(reader: Reader) -> dict[str, pa.Array]:
    streaming = reader.flag("is_streaming")
    ttft, told = reader.time_to_first_token(streaming)
    return {
        "is_streaming": pa.array(streaming | told),
        "ttft_ns": pa.array(ttft.astype(np.uint64), mask=~told),
    }


def _among(texts: pa.StringArray, wanted: frozenset[str]) -> Mask:
    return _mask(pc.is_in(texts, pa.array(sorted(wanted))))


def _context(
    content: ContentReader, operation: pa.StringArray, inference: Mask, traces: pa.StringArray
) -> pa.StringArray:
    """Give the documents of a retrieval to its own row and to the model calls of its trace."""
    documents = content.documents(_among(operation, _RETRIEVALS))
    filling = Filling(len(operation), pa.array([""]))
    if not documents:
        return filling.column()
    filling.put(np.array(list(documents), np.int64), pa.array(list(documents.values())))
    # One by one: only batches with retrievals come here.
    by_trace: dict[str, str] = {}
    for row, text in documents.items():
        trace = traces[row].as_py()
        by_trace[trace] = f"{by_trace[trace]}\n\n{text}" if trace in by_trace else text
    calls = np.flatnonzero(inference & _mask(pc.not_equal(operation, _EMBEDDINGS)) & filling.open)
    texts = [by_trace.get(trace, "") for trace in traces.take(pa.array(calls)).to_pylist()]
    filling.put(calls, pa.array(texts, pa.string()))
    return filling.column()


def read_usage(reader: Reader, provider: pa.StringArray) -> Usage:
    """Return the token columns: cached tokens inside of the input, reasoning inside of the output."""
    counts, told = {}, {}
    for name in _COUNTS:
        counts[name], told[name] = reader.number(name)
    cached = counts["cache_read_tokens"] + counts["cache_write_tokens"]
    outside = (reader.cached == 1) | ((reader.cached == 0) & _reported_outside(reader, provider))
    outside |= cached > counts["input_tokens"]
    outside &= told["input_tokens"]
    counts["input_tokens"] = np.where(outside, counts["input_tokens"] + cached, counts["input_tokens"])
    reported = (counts["input_tokens"] > 0) | (counts["output_tokens"] > 0)
    columns: dict[str, pa.Array] = {name: _tokens(counts[name]) for name in _TABLE_COUNTS}
    columns["usage_source"] = pc.if_else(pa.array(reported), "reported", "none")
    return Usage(
        columns,
        audio_input=_tokens(counts["audio_input_tokens"]),
        audio_output=_tokens(counts["audio_output_tokens"]),
        cache_write_1h=_tokens(counts["cache_write_1h_tokens"]),
    )


_TABLE_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_COUNTS: Final = (*_TABLE_COUNTS, "audio_input_tokens", "audio_output_tokens", "cache_write_1h_tokens")


def _reported_outside(reader: Reader, provider: pa.StringArray) -> Mask:
    """Say where a dialect reports this provider's cached tokens outside of the input tokens."""
    outside = np.zeros(len(reader.codes), np.bool_)
    for code, dialect in enumerate(reader.known.all):
        rows = reader.codes == code if dialect.cached_outside else outside
        if rows.any() and dialect.cached_outside:
            outside |= rows & _among(provider, dialect.cached_outside)
    return outside


def _tokens(values: Numbers) -> pa.UInt64Array:
    return pa.array(values.astype(np.uint64))


def _mask(array: pa.BooleanArray) -> Mask:
    mask: Mask = np.asarray(array.to_numpy(zero_copy_only=False), np.bool_)
    return mask
