"""How JSON is asked for where an API has no field for it: in words, or as what a tool must be called with."""

#: The tool whose arguments are the answer.
ANSWER_TOOL = "json_tool_call"
ANY_JSON = "Respond with a single JSON object."
