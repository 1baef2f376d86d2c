"""What bodies may be, where JSON readers differ, and which of two answers to the same request says what."""

import pytest

from tests.admin.conftest import Admin
from tests.running import ADMIN_KEY


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"id": "twice", "id": "other"}', "id"),
        ('{"id": "twice", "i\\u0064": "other"}', "id"),
        ('{"id": "t", "models": {"smart": "sim/a", "smart": "sim/b"}}', "models.smart"),
        ('{"id": "t", "models": {"smart": [[], [1, {"a": 1, "b": 2, "a": 1}]]}}', "models.smart[1][1].a"),
    ],
)
async def test_a_field_that_is_there_twice_is_named(admin: Admin, body: str, field: str) -> None:
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
    reply = await admin.client.request("POST", "/admin/v1/tenants", content=body, headers=headers)
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")
    assert reply.json()["errors"] == [{"field": field, "detail": "is there twice"}]
    assert await admin.deeds() == []


async def test_what_is_refused_unread_is_a_problem_too(admin: Admin) -> None:
    for path, headers, status in (("/x" * 5000, {}, 414), ("/tenants", {"x-long": "y" * 40_000}, 431)):
        reply = await admin.ask("GET", path, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
        assert (reply.json()["status"], bool(reply.json()["detail"])) == (status, True)


async def test_a_body_that_is_deep_or_long_in_digits_is_refused_as_what_it_is(admin: Admin) -> None:
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
    for value in ("[" * 1000 + "]" * 1000, "[" * 9000 + "]" * 9000, "9" * 9000, "1e" + "9" * 9000):
        content = f'{{"id": "t", "weight": {value}}}'
        reply = await admin.client.request("POST", "/admin/v1/tenants", content=content, headers=headers)
        assert reply.status_code in (400, 422), reply.text


@pytest.mark.parametrize("limit", [10**18 + 1, 10**30, 1e30])
async def test_an_amount_that_is_too_large_is_told_the_bound(admin: Admin, limit: float) -> None:
    reply = await admin.ask("POST", "/budgets", {"period": "month", "limit_nusd": limit})
    [fault] = reply.json()["errors"]
    assert fault == {"field": "limit_nusd", "detail": "must be at most 1000000000000000000"}


async def test_what_is_no_request_is_refused(admin: Admin) -> None:
    path = "/admin/v1/tenants"
    auth = {"authorization": f"Bearer {ADMIN_KEY}"}
    json_type = {**auth, "content-type": "application/json"}
    for content, headers, status in (
        (b"{", json_type, 400),
        (b"[]", json_type, 400),
        (b'{"id": "a", "weight": NaN}', json_type, 400),
        (b"\xff\xfe", json_type, 400),
        (b"{}", {**auth, "content-type": "text/plain"}, 415),
        (b'{"id": "' + b"x" * 300_000 + b'"}', json_type, 413),
        (b"[" * 100_000, json_type, 400),
    ):
        reply = await admin.client.post(path, content=content, headers=headers)
        assert reply.status_code == status, (content[:20], reply.text)
        assert reply.headers["content-type"] == "application/problem+json"
    assert (await admin.ask("GET", "/tenants/a%00b")).status_code == 404
    assert (await admin.ask("GET", "/nothing")).status_code == 404
    odd = await admin.ask("PUT", "/tenants")
    assert (odd.status_code, odd.headers["allow"]) == (405, "GET, POST")
    assert (await admin.ask("POST", "/tenants/x/suspend", {"a": 1})).status_code == 422
