"""Google's form of schemas, however it is spelt."""

from gateway.dialects.openapi_schema import json_schema


def test_a_schema_in_small_letters() -> None:
    assert json_schema(
        {
            "type": "OBJECT",
            "properties": {"a_b": {"any_of": [{"type": "STRING", "min_length": "2"}], "nullable": True}},
            "property_ordering": ["a_b"],
            "additional_properties": False,
        }
    ) == {
        "type": "object",
        "properties": {"a_b": {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]}},
        "additionalProperties": False,
    }
