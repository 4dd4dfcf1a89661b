"""Holds each answer of the running portal against its OpenAPI document.

The part of JSON Schema that the document uses: type, properties, required, items, enum, pattern,
$ref, format date-time and uuid.
"""
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

with open(os.path.join(ROOT, "portal-api/openapi.json")) as file:
    DOCUMENT = json.load(file)

TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}
FORMATS = {"date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"}


def resolved(node):
    while "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"][2:].split("/"):
            target = target[part]
        node = target
    return node


def is_a(value, name):
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def problems(value, schema, where="$"):
    """What of the value is not as the schema says, in words."""
    schema = resolved(schema)
    names = schema.get("type", list(TYPES))
    names = [names] if isinstance(names, str) else names
    if not any(is_a(value, name) for name in names):
        return [f"{where}: {value!r} is not {names}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is not one of {schema['enum']}")
    if isinstance(value, str):
        for pattern in (schema.get("pattern"), FORMATS.get(schema.get("format"))):
            if pattern and not re.fullmatch(pattern, value):
                found.append(f"{where}: {value!r} does not match {pattern}")
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{where}: {name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name in schema["properties"]:
                found += problems(item, schema["properties"][name], f"{where}.{name}")
            else:
                found.append(f"{where}: {name} is not in the document")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += problems(item, schema["items"], f"{where}[{index}]")
    return found


def operation_of(method, path):
    """The document's operation for a request, or None."""
    for pattern, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path.split("?")[0]):
            found = methods.get("get" if method == "HEAD" else method.lower())
            if found:
                return found
    return None


def check(method, path, answer):
    """Raises when the answer is not one that the document tells of."""
    operation = operation_of(method, path)
    if operation is None:
        assert answer.status in (404, 405), f"{method} {path} is not in the document and answered {answer!r}"
        return
    assert str(answer.status) in operation["responses"], \
        f"{method} {path}: {answer.status} is not in the document: {answer!r}"
    response = resolved(operation["responses"][str(answer.status)])
    content = response.get("content", {})
    if method == "HEAD" or not content:
        assert not answer.body, answer
        return
    media = answer.headers["Content-Type"]
    assert media in content, f"{method} {path}: {media} is not in the document"
    if media in ("application/json", "application/problem+json"):
        wrong = problems(answer.json(), content[media]["schema"])
        assert not wrong, f"{method} {path} {answer.status}: {wrong}"
    for name in response.get("headers", {}):
        assert name in answer.headers, f"{method} {path} {answer.status}: no {name}"
