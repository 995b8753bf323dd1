"""An ordinary LangChain program: it looks things up, asks a tool, and streams its answer."""

import sys
from collections.abc import Iterator

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough, chain
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

DOCUMENTS = [
    Document("Seoul is the capital of South Korea; about 9.4 million people live there.", id="seoul"),
    Document("해치는 시비와 선악을 가리고 불을 막는 전설의 동물이다.", id="haechi"),
]


@tool
def weather(city: str) -> str:
    """Say what the weather of a city is like."""
    return f"{city}: 21.5 degrees, sunny"


store = InMemoryVectorStore(OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False))
store.add_documents(DOCUMENTS)
prompt = ChatPromptTemplate.from_messages([("system", "Answer from these notes:\n{notes}"), ("user", "{question}")])
model = ChatOpenAI(model="gpt-4o-mini", temperature=0.2).bind_tools([weather])
asked = {"notes": store.as_retriever(), "question": RunnablePassthrough()} | prompt


@chain
def guide(question: str) -> Iterator[str]:
    """Answer a question with the notes, and with the tool if the model wants it."""
    messages = asked.invoke(question).to_messages()
    reply = model.invoke(messages)
    messages.append(reply)
    messages += [weather.invoke(call) for call in reply.tool_calls]
    for part in model.stream(messages):
        yield str(part.content)


if __name__ == "__main__":
    for text in guide.stream(sys.argv[1]):
        print(text, end="", flush=True)
    print()
