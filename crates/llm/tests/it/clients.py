"""Drives the official clients of OpenAI and Anthropic against a server of the tests.

The address is the argument. On standard input there is either {"read": [MODEL…]}: ask for each in all formats and print
what the client makes of it; or {"send": [[FORMAT, BODY]…]}: check each body against the client's own types, deeply and
with no field more, and send it by the client.
"""

import inspect
import json
import sys

import anthropic
import openai
import pydantic
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

URL, KEY = sys.argv[1], "sk-secret-0123456789"
CLAUDE = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)
GPT = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)


def read_anthropic(model):
    ask = [{"role": "user", "content": "Well?"}]
    with CLAUDE.messages.stream(model=model, max_tokens=9, messages=ask) as stream:
        message = stream.get_final_message()
    calls = [[block.id, block.name, block.input] for block in message.content if block.type == "tool_use"]
    usage = message.usage
    return {
        "text": "".join(block.text for block in message.content if block.type == "text"),
        "calls": calls, "id": message.id, "model": message.model,
        "input": usage.input_tokens, "output": usage.output_tokens,
        "read": usage.cache_read_input_tokens, "write": usage.cache_creation_input_tokens,
    }


def read_openai(model):
    ask = [{"role": "user", "content": "Well?"}]
    text, calls, usage, ids = "", {}, None, None
    options = {"include_usage": True}
    for chunk in GPT.chat.completions.create(model=model, messages=ask, stream=True, stream_options=options):
        ids, usage = (chunk.id, chunk.model), chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, ["", "", ""])
                known[0] += call.id or ""
                known[1] += call.function.name or ""
                known[2] += call.function.arguments or ""
    cached, written = usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens_details.cache_write_tokens
    return {
        "text": text, "calls": [[id, name, json.loads(said or "{}")] for id, name, said in calls.values()],
        "id": ids[0], "model": ids[1], "input": usage.prompt_tokens - cached - written,
        "output": usage.completion_tokens, "read": cached, "write": written,
    }


def read_responses(model):
    final = None
    for event in GPT.responses.create(model=model, input="Well?", stream=True):
        if event.type in ("response.completed", "response.incomplete"):
            final = event.response
    calls = [[item.call_id, item.name, json.loads(item.arguments)] for item in final.output if item.type == "function_call"]
    usage = final.usage
    cached, written = usage.input_tokens_details.cached_tokens, usage.input_tokens_details.cache_write_tokens
    return {
        "text": final.output_text, "calls": calls, "id": final.id, "model": final.model,
        "input": usage.input_tokens - cached - written, "output": usage.output_tokens, "read": cached, "write": written,
    }


def read(models):
    found = {}
    for name, one in ("anthropic", read_anthropic), ("openai", read_openai), ("openai-responses", read_responses):
        found[name] = {}
        for model in models:
            try:
                found[name][model] = one(model)
            except (anthropic.APIStatusError, openai.APIStatusError) as error:
                found[name][model] = {"status": error.status_code}
    return found


def strict_types():
    """No typed dictionary of the clients takes a field that it does not know."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("anthropic.types", "openai.types")):
            for _, kind in inspect.getmembers(module, inspect.isclass):
                if hasattr(kind, "__required_keys__"):
                    kind.__pydantic_config__ = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def whole(value):
    """Checks what is checked only when it is looked at."""
    if isinstance(value, dict):
        for inner in value.values():
            whole(inner)
    elif not isinstance(value, (str, bytes, int, float, type(None))):
        for inner in value:
            whole(inner)


def send(bodies):
    strict_types()
    types = {
        "anthropic": message_create_params.MessageCreateParamsStreaming,
        "openai": completion_create_params.CompletionCreateParamsStreaming,
        "openai-responses": response_create_params.ResponseCreateParamsStreaming,
    }
    adapters = {format: pydantic.TypeAdapter(kind) for format, kind in types.items()}
    call = {
        "anthropic": CLAUDE.messages.create,
        "openai": GPT.chat.completions.create,
        "openai-responses": GPT.responses.create,
    }
    for format, body in bodies:
        whole(adapters[format].validate_python(body))
        wrong = {**body, "no_such_field": 1}
        try:
            whole(adapters[format].validate_python(wrong))
        except pydantic.ValidationError:
            pass
        else:
            raise AssertionError("the check takes everything")
        for _ in call[format](**body):
            pass
    return {"sent": len(bodies)}


given = json.load(sys.stdin)
print(json.dumps(read(given["read"]) if "read" in given else send(given["send"])))
