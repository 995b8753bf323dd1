"""Content of LLM calls, whatever shape it came in, as the convention's messages.

Guarantee: nothing here raises on any input; what is not understood gives None and stays where it was. Fields that
the convention does not name are carried along on the part or message, unless they are null or empty.

Source: https://github.com/open-telemetry/semantic-conventions-genai (gen-ai-input-messages.json and its siblings).
"""
