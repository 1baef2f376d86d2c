"""Tools in namespaces, which only the Responses API has: among neutral nouns such a one is `namespace.name`.

OpenAI's names have no dots, so none of a caller's own can be taken for it; for providers that allow none either
`tool_names.py` finds another and restores it.
"""

from gateway.chat import JsonObject

NO_NAMESPACES: frozenset[str] = frozenset()


def within(namespace: str, name: str) -> str:
    return f"{namespace}.{name}" if namespace else name


def namespaces(fields: JsonObject) -> frozenset[str]:
    """Of a caller's request."""
    tools = fields.get("tools")
    return frozenset(
        name
        for tool in (tools if isinstance(tools, list) else ())
        if isinstance(tool, dict)
        and tool.get("type") == "namespace"
        and isinstance(name := tool.get("name"), str)
    )


def parted(name: str, known: frozenset[str]) -> tuple[str, str]:
    """(namespace, name) of a tool, the first "" without one."""
    namespace, dot, inner = name.partition(".") if known else ("", "", "")
    return (namespace, inner) if dot and namespace in known else ("", name)
