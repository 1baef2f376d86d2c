"""Tenants and classes that wait at several workers of one account share it as if they all waited at one."""

from collections.abc import AsyncIterator

import pytest

from tests.pipeline.admission_parts import CONSOLIDATION, CONVERSATION, SCHEDULED
from tests.pipeline.office import Office

RPM = 600


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office(2, rpm=RPM)
    yield office
    await office.close()


async def test_who_waits_at_two_workers_gets_no_more_than_who_waits_at_one(office: Office) -> None:
    offers = {(0, "a", SCHEDULED): 4, (0, "b", SCHEDULED): 40, (1, "b", SCHEDULED): 40}
    await office.serves(70, offers)
    office.served.clear()
    await office.serves(60, offers)
    a, b = office.of_tenant("a"), office.of_tenant("b")
    assert a + b >= 0.97 * RPM
    assert abs(a - b) <= 0.05 * (a + b) / 2


async def test_neither_idle_time_nor_having_been_alone_counts(office: Office) -> None:
    await office.serves(90, {(1, "b", SCHEDULED): 20})
    office.served.clear()
    await office.serves(30, {(0, "a", SCHEDULED): 20, (1, "b", SCHEDULED): 20})
    a, b = office.of_tenant("a"), office.of_tenant("b")
    assert a + b >= 0.9 * RPM / 2
    assert abs(a - b) <= 0.05 * (a + b) / 2


async def test_one_tenants_requests_go_as_they_came_whichever_worker_has_them(office: Office) -> None:
    await office.serves(70, {(0, "b", SCHEDULED): 30})
    office.waits.clear()
    await office.serves(5, {(0, "b", SCHEDULED): 30, (1, "b", SCHEDULED): 1})
    waited = [seconds for (worker, _, _), seconds in office.waits if worker == 1]
    assert len(waited) == 1 and waited[0] >= 2.5, "thirty at ten a second had come before"


async def test_what_a_class_is_granted_for_its_floor_serves_no_other(office: Office) -> None:
    """The most urgent waits at one worker, classes that get their floor at the other: each gets what is its."""
    offers = {(0, "a", CONVERSATION): 3, (1, "b", SCHEDULED): 20, (1, "b", CONSOLIDATION): 20}
    await office.serves(90, offers)
    office.served.clear()
    await office.serves(60, offers)
    assert office.of_rank(CONVERSATION) >= 0.84 * RPM
    assert 0.06 * RPM <= office.of_rank(SCHEDULED) <= 0.10 * RPM
    assert 0.03 * RPM <= office.of_rank(CONSOLIDATION) <= 0.05 * RPM
