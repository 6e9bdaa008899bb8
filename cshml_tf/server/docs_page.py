"""/docs: the API as one plain page, made of its OpenAPI description; nothing is loaded from elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Any


def docs_page(description: dict[str, Any]) -> str:
    """Return the page.

    Args:
        description: the OpenAPI description of the application.
    """
    about = description["info"]
    parts = "\n".join(
        _operation(method, path, operation, description)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(about["title"])}: API</title></head>
<body>
<h1>{escape(about["title"])} {escape(about["version"])}: API</h1>
<p>{escape(about["description"])} For programs: <a href="/openapi.json">/openapi.json</a>. Where the server has a
key, send it with every request under /v1, and to /metrics, as <code>Authorization: Bearer KEY</code>.</p>
{parts}
</body>
</html>
"""


def _operation(method: str, path: str, operation: dict[str, Any], description: dict[str, Any]) -> str:
    takes = "".join(f"<li>{line}</li>" for line in _takes(operation, description))
    answers = "".join(
        f"<li>{escape(status)}: {escape(answer['description'])}{_fields(answer, description)}</li>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>\n<p>{escape(operation.get('summary', ''))}.</p>\n"
        + (f"<p>Takes</p><ul>{takes}</ul>\n" if takes else "")
        + f"<p>Answers</p><ul>{answers}</ul>"
    )


def _takes(operation: dict[str, Any], description: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        need = "" if parameter.get("required") else ", optional"
        yield (
            f"<code>{escape(parameter['name'])}</code> ({escape(parameter['in'])}{need}) "
            f"{escape(parameter.get('description', ''))}"
        )
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(content["schema"], description)
        for name, about in schema.get("properties", {}).items():
            yield f"<code>{escape(name)}</code> ({escape(kind)}) {escape(about.get('description', ''))}"


def _fields(answer: dict[str, Any], description: dict[str, Any]) -> str:
    content = answer.get("content", {}).get("application/json")
    if content is None:
        return ""
    names = ", ".join(_resolved(content["schema"], description).get("properties", {}))
    return f" <code>{{{escape(names)}}}</code>" if names else ""


def _resolved(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """Follow the reference to a named schema."""
    if "$ref" not in schema:
        return schema
    found: Any = description
    for name in schema["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found
