"""The page that shows the OpenAPI document: made here, so that it needs nothing from the network."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; text-transform: capitalize }
details { border: 1px solid #8886; border-radius: .4rem; margin: .5rem 0 }
summary { padding: .5rem .8rem; cursor: pointer }
summary code { font-weight: 600 }
details > div { padding: 0 .8rem .6rem }
b.method { display: inline-block; min-width: 4.5rem }
pre { overflow: auto; background: #8882; padding: .6rem; border-radius: .3rem }
td, th { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_SECURITY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


@router.get("/docs", include_in_schema=False, response_class=HTMLResponse)
def get_docs(request: Request) -> HTMLResponse:
    """All addresses, with their parameters, bodies and examples."""
    return HTMLResponse(_page(request.app.openapi()), headers={"Content-Security-Policy": _SECURITY})


def _page(document: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    info = document["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['summary'])}. "
        'Send <code>Authorization: Bearer &lt;key&gt;</code>. The whole document: <a href="/openapi.json">'
        f"/openapi.json</a>.</p>{sections}<h2>Models</h2>{_models(document['components']['schemas'])}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    text, _, more = operation.get("description", "").partition("\n")
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{p['in']}<td>{escape(_kind(p['schema']))}"
        f"<td>{escape(p.get('description', ''))}"
        for p in operation.get("parameters", [])
    )
    table = f"<table><tr><th>parameter<th>in<th>type<th>{rows}</table>" if rows else ""
    return (
        f'<details><summary><b class="method">{method.upper()}</b><code>{escape(path)}</code> {escape(text)}</summary>'
        f"<div><p>{escape(more.strip())}</p>{table}{_bodies(operation)}</div></details>"
    )


def _bodies(operation: dict[str, Any]) -> str:
    parts = []
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        examples = content.get("examples") or {}
        if "example" in content:
            examples = {"": {"summary": "", "value": content["example"]}}
        shown = "".join(f"<p>{escape(e['summary'])}</p><pre>{_json(e['value'])}</pre>" for e in examples.values())
        parts.append(f"<p>Body: <code>{escape(kind)}</code> {escape(_kind(content['schema']))}</p>{shown}")
    answer = operation.get("responses", {})
    good = next((code for code in answer if code.startswith("2")), "")
    for kind, content in answer.get(good, {}).get("content", {}).items():
        parts.append(f"<p>Answer {good}: <code>{escape(kind)}</code> {escape(_kind(content.get('schema', {})))}</p>")
    return "".join(parts)


def _models(schemas: dict[str, Any]) -> str:
    return "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary><div><pre>{_json(schema)}</pre>'
        "</div></details>"
        for name, schema in sorted(schemas.items())
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_kind(one) for one in schema[several])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("const", schema.get("type", "anything")))


def _json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return escape(text)
