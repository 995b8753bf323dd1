"""A local stand-in for LLM providers: the real client libraries talk to it over real HTTP on loopback.

What it guarantees
- Wire formats as the providers document them, accepted by the real clients (tests/instrumentation/test_standin_*.py).
- A reply depends on its request alone: no state, nothing random, no clock. Only the ids count up, so that every
  response has its own; `reset` starts them again at 1, and then a program that is run twice is answered alike.
- `Standin.requests` holds what was sent, byte for byte. `expected("openai.chat")` says what the answer says.

What it plays
A client needs nothing but its base URL: `f"{standin.url}/v1"` for OpenAI, `standin.url` for Anthropic, Google, Bedrock
(`endpoint_url`), Azure, Cohere, Groq and Ollama (`host`), `f"{standin.url}/mistral"` for Mistral, and a folder for the
providers that speak OpenAI's language: `/together/v1`, `/fireworks/inference/v1`, `/vllm/v1`, `/deepseek`,
`/openrouter/api/v1`, `/perplexity`, `/xai/v1`, `/ollama/v1`, `/groq/openai/v1`. Used as an HTTP proxy it answers under
the provider's own host: `OpenAI(base_url="http://api.together.xyz/v1", http_client=httpx.Client(proxy=standin.url))`.

What a request asks for
Markers in the last user message (`"Where is Seoul? [korean][slow:5]"`; for embeddings in the input), or after `--` in
the model's name (`gpt-4o-mini--tool`), where no message can hold one. Without a marker it is `chat`.

    chat korean length        a text; in Korean; cut off by the limit of tokens
    long, long:N              N words (400)
    tool tools                one or two calls of the first tools offered, with arguments that fit their schema; the
                              same request with the tool's result behind it gets the closing answer (`tool_answer`)
    reasoning                 thinking before the text, where the provider shows it
    refusal                   in the provider's own way
    structured                JSON that fits the schema; also without a marker if the request has one
    error_400 ... error_529   the provider's own error with that status; 429 with `retry-after: 0`
    retry                     429 at the client's first attempt, the answer at its second (OpenAI, Anthropic, Bedrock)
    fail                      an error in the middle of the stream
    cut                       the connection closes after half of the stream's events (or of the body)
    slow, slow:N              N ms (20) before the first byte and between two events
    nousage                   the answer tells no tokens
    strict, strict:N          the server knows no `stream_options` and refuses them with status N (400)

`n`, `logprobs`, `dimensions`, `encoding_format`, `stream_options` and the like are honoured as parameters.

In a test: the fixture `standin`. As a process: `python -m tests.standin` prints its port.
"""

from tests.standin.facts import Facts, ToolCall, expected
from tests.standin.server import Standin
from tests.standin.wire import Reply, Request

__all__ = ["Facts", "Reply", "Request", "Standin", "ToolCall", "expected"]
