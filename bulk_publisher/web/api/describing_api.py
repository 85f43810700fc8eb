"""The description of all that programs may ask, as OpenAPI 3.1: made of the ways in and of their structs."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from bulk_publisher import __version__
from bulk_publisher.web.api.endpoint import Endpoint, json_of
from bulk_publisher.web.guard.forms import HEADER
from bulk_publisher.web.problem import PROBLEM_TYPE, Problem
from bulk_publisher.web.route import Route

PATH = "/api/openapi.json"
_REF = "#/components/schemas/{name}"
_IN_PATH = re.compile(r"\{(\w+)\}")
_ALWAYS = (401, 403, 421, 500)
_JSON = "application/json"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key has it done once within 24 hours.",
    "schema": {"type": "string", "maxLength": 200},
}
_CSRF = {
    "name": HEADER,
    "in": "header",
    "description": "With a session: what the page carries in its element meta csrf-token. With a bearer token: not needed.",
    "schema": {"type": "string"},
}


def description_of(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """*endpoints* as OpenAPI describes them."""
    types = list(dict.fromkeys(_types(endpoints)))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        told = _operation(endpoint, schema_of, components)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = told
    asked = {_name_of(one.query) for one in endpoints if one.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bulk-publisher",
            "version": __version__,
            "description": "What the page of bulk-publisher shows and does, for programs. Moments are UTC seconds, durations seconds, shares 0 to 1.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"session": []}],
        "paths": paths,
        "components": {
            # What an address asks for is described with the parameters.
            "schemas": {name: one for name, one in components.items() if name not in asked},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "bulk-publisher web token add NAME --role see|steer",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": "bulk-publisher-session"},
            },
        },
    }


def route_of_description(endpoints: Sequence[Endpoint]) -> Route:
    """The way in to the description of *endpoints*."""

    @cache
    def text() -> bytes:
        return msgspec.json.encode(description_of(endpoints))

    async def describe(_request: web.Request) -> web.StreamResponse:
        return json_of(text())

    return Route("GET", PATH, describe)


def _types(endpoints: Iterable[Endpoint]) -> Iterator[type]:
    yield Problem
    for endpoint in endpoints:
        yield endpoint.answers
        yield from (one for one in (endpoint.query, endpoint.body) if one is not None)


def _operation(
    endpoint: Endpoint, schema_of: dict[type, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _IN_PATH.findall(endpoint.path)
    ]
    if endpoint.query is not None:
        parameters.extend(_parameters(components[_name_of(endpoint.query)]))
    if endpoint.method == "POST":
        parameters.extend((_KEY, _CSRF))
    told: dict[str, Any] = {
        "operationId": _id_of(endpoint),
        "summary": endpoint.summary,
        "description": f"For who has the role {endpoint.role.value}.",
        "parameters": parameters,
        "responses": {
            str(endpoint.status): {
                "description": HTTPStatus(endpoint.status).phrase,
                "content": {_JSON: {"schema": schema_of[endpoint.answers]}},
            },
            **dict(_refusals(endpoint, schema_of[Problem])),
        },
    }
    if endpoint.body is not None:
        told["requestBody"] = {
            "required": False,
            "content": {_JSON: {"schema": schema_of[endpoint.body]}},
        }
    return told


def _refusals(endpoint: Endpoint, problem: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    asked = (400,) if endpoint.query is not None else ()
    for status in sorted({*_ALWAYS, *asked, *endpoint.refusals}):
        told: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_TYPE: {"schema": problem}},
        }
        if status == HTTPStatus.MISDIRECTED_REQUEST:
            told["content"] = {"text/plain": {"schema": {"type": "string"}}}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            told["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        yield str(status), told


def _parameters(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    required = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        yield {"name": name, "in": "query", "required": name in required, "schema": one}


def _name_of(kind: type) -> str:
    return kind.__name__


def _id_of(endpoint: Endpoint) -> str:
    words = re.findall(r"\w+", endpoint.path.removeprefix("/api/"))
    return "_".join((endpoint.method.lower(), *words))
