"""Asks every worker on its unix socket, each within two seconds, unless it asks others in its turn.

A worker that is dead, silent or says something else than expected is missing from the answers; the others
are not held up by it.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

from gateway.serving.seat import Seat

#: One that is merely busy does not answer at once.
TIMEOUT_S = 2.0
#: For what a worker asks of others in its turn.
DEED_S = 15.0
_OK = frozenset({200})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one worker said; `life` is which process it was."""

    seat: Seat
    life: str
    status: int
    content: bytes


class Gatherer:
    """HTTP clients to the workers' sockets, one each, without connections kept: workers come and go."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # spares loading the system's roots for each
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._clients = {
            seat: httpx2.AsyncClient(
                base_url=f"http://worker-{seat.number}",
                transport=httpx2.AsyncHTTPTransport(uds=str(seat.socket), verify=unused, limits=limits),
                timeout=TIMEOUT_S,
                trust_env=False,
            )
            for seat in seats
        }

    async def ask(
        self,
        path: str,
        query: str,
        authorization: str,
        *,
        method: str = "GET",
        statuses: frozenset[int] = _OK,
        timeout_s: float = TIMEOUT_S,
    ) -> list[Answer]:
        """The answers, of one of `statuses`, of those workers that gave one, in the order of the seats."""
        target = f"{path}?{query}" if query else path
        headers = {"authorization": authorization, "accept": "*/*"}
        answers = await asyncio.gather(
            *(self._ask(seat, method, target, headers, timeout_s=timeout_s) for seat in self._clients)
        )
        return [answer for answer in answers if answer is not None and answer.status in statuses]

    async def ask_one(
        self, seat: Seat, path: str, authorization: str, body: bytes, statuses: frozenset[int]
    ) -> Answer | None:
        """What one worker says to a POST, if it is one of `statuses`."""
        headers = {"authorization": authorization, "content-type": "application/json"}
        answer = await self._ask(seat, "POST", path, headers, body, DEED_S)
        return answer if answer is not None and answer.status in statuses else None

    async def _ask(
        self,
        seat: Seat,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes = b"",
        timeout_s: float = TIMEOUT_S,
    ) -> Answer | None:
        if seat.state != "serving":
            return None
        life = seat.life
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._clients[seat].request(
                    method, target, headers=headers, content=body, timeout=timeout_s
                )
        except (httpx2.HTTPError, OSError, TimeoutError):
            return None
        # Between asking and answering another may have taken the seat: then it is unclear who spoke.
        if seat.life != life or seat.state != "serving":
            return None
        return Answer(seat, life, reply.status_code, reply.content)

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.aclose()
