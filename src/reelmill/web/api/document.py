"""docs/api.md: the API as its OpenAPI document describes it.

python -m reelmill.web.api.document > docs/api.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from reelmill import __version__
from reelmill.web.api.routes import part
from reelmill.web.corrections import routes as corrections
from reelmill.web.results import naming

_HEAD = """\
# HTTP API

What `reelmill serve` answers for programs, besides [OpenAI's API for transcription](endpoint.md).
This page is made from the server's OpenAPI document, which it gives out at `/openapi.json`:

    python -m reelmill.web.api.document > docs/api.md

Send a token with each request: `Authorization: Bearer TOKEN`, with the token that the server
printed when it was started, or with a key of `reelmill serve key NAME`. [The local
server](serve.md#for-programs) says who may do what, and shows a whole session with `curl`. A
request that is refused gets `{"error": {"code": ..., "message": ...}}`: `code` is for programs,
`message` for people.
"""
_TAGS = {
    "Runs": "A run is a task on recordings, with an output folder of its own.",
    "Uploads": "Files are sent one by one, and then named when a run is made.",
    "Events": "Streams of server-sent events. Each event has the whole state of what it is about.",
    "Corrections": "What people change in transcripts, recording by recording.",
    "Persons": "",
    "Search": "",
    "Server": "",
}
#: FastAPI's own description.
_NO_TEXT = "Successful Response"
_METHODS = ("get", "post", "put", "delete")


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the API alone."""
    app = FastAPI(title="Reelmill", version=__version__)
    for make in (part, corrections.part, naming.part):
        app.router.routes.extend(make().routes)
    return app.openapi()


def api_page() -> str:
    """The page."""
    document = openapi()
    return "\n".join([_HEAD, *_operations(document), *_models(document)]).rstrip() + "\n"


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    found: dict[str, list[str]] = {tag: [] for tag in _TAGS}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                found[operation["tags"][0]] += _operation(method.upper(), path, operation)
    for tag, lines in found.items():
        yield f"## {tag}\n"
        if _TAGS[tag]:
            yield f"{_TAGS[tag]}\n"
        yield from lines


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method} {path}\n"
    yield f"{_text(operation.get('description', ''))}\n"
    parameters = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    if parameters:
        yield "| parameter | type | |\n| --- | --- | --- |"
        for one in parameters:
            yield f"| `{one['name']}` | {_kind(one['schema'])} | {_about(one, one['schema'])} |"
        yield ""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        what = _kind(content["schema"]) if kind == "application/json" else f"the file, as `{kind}`"
        yield f"Body: {what}.\n"
    for status, answer in sorted(operation["responses"].items()):
        if status.isdigit():
            yield f"Answer {status}: {_answer(answer)}.\n"


def _answer(answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {})
    if "application/json" in content:
        return _kind(content["application/json"]["schema"])
    kinds = ", ".join(f"`{kind}`" for kind in content)
    return kinds or ("nothing" if answer["description"] == _NO_TEXT else answer["description"])


def _models(document: Mapping[str, Any]) -> Iterator[str]:
    yield "## Models\n"
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}\n"
        yield f"{_text(schema.get('description', ''))}\n"
        required = schema.get("required", ())
        yield "| field | type | |\n| --- | --- | --- |"
        for field, about in schema.get("properties", {}).items():
            told = _about({"required": field in required, **about}, about)
            yield f"| `{field}` | {_kind(about)} | {told} |"
        yield ""


def _about(one: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What is said about a parameter or a field, with its limits and its default."""
    parts = [_text(one.get("description", "")).rstrip(".")]
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    if limits:
        parts.append(" ".join(limits))
    default = schema.get("default")
    if default not in (None, [], {}, ""):
        parts.append(f"default `{default}`")
    return "; ".join(part for part in parts if part).replace("|", "\\|")


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("type", "value"))


def _text(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(api_page())
