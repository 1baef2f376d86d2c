"""Workers and the books, with everything that may go wrong between them: money is neither lost nor invented."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from budgets.period import span
from budgets.slice import Budget, Grant, Want
from budgets.slices import Exhausted, Levels, Reserved, Short, Slices
from budgets.spool.record import Intent, Settle
from budgets.spool.replay import unknown
from tests.budgets.books import Books

DAY = 86_400
WORKERS = 3
ALL = Budget("all", 2_000, "month")
PATHS = {
    "a/web": (ALL, Budget("tenant:a", 900, "day"), Budget("key:a/web", 300, "day")),
    "a/batch": (ALL, Budget("tenant:a#soft", 100, "total", hard=False), Budget("key:a/batch", 500, "total")),
    "b/one": (ALL, Budget("tenant:b", 1_500, "week", anchor=3)),
}
BUDGETS = {budget.id: budget for path in PATHS.values() for budget in path}
PATHS = {key: tuple(BUDGETS[budget.id] for budget in path) for key, path in PATHS.items()}


class Worker:
    def __init__(self, holder: str) -> None:
        self.holder = holder
        self.slices = Slices()
        self.levels = {name: Levels(path) for name, path in PATHS.items()}  # kept, as a gateway keeps them
        self.under_way: dict[tuple[str, int], Intent] = {}
        self.disk: list[Settle] = []  # its spool: outlives it
        self.replies: list[list[Grant]] = []  # on their way
        self.asked: list[list[Want]] = []  # not arrived yet


class Money(RuleBasedStateMachine):
    requests = Bundle("requests")

    @initialize()
    def start(self) -> None:
        self.now = self.latest = 1_700_000_000.0
        self.number = 0
        self.books = self.make_books()
        self.workers = [Worker(f"spool-{seat}/1") for seat in range(WORKERS)]
        self.dead: list[Worker] = []
        self.spent: dict[tuple[str, int], int] = {}

    def make_books(self) -> Books:
        return Books(BUDGETS.values(), WORKERS)

    @rule(
        target=requests,
        seat=st.integers(0, WORKERS - 1),
        path=st.sampled_from(sorted(PATHS)),
        amount=st.integers(0, 120),
    )
    def reserve(self, seat: int, path: str, amount: int):  # type: ignore[no-untyped-def]
        worker = self.workers[seat]
        self.number += 1
        one = f"request-{self.number}", 1
        held = {(each.budget.id, each.span.key): each.free for each in worker.slices.slices()}
        decided = worker.slices.reserve(one, worker.levels[path], amount, self.now, self.now + 60)
        if not isinstance(decided, Reserved):
            assert amount  # what is free passes whatever is used up
            for budget in decided.lacking if isinstance(decided, Short) else (decided.budget,):
                account = budget.id, span(budget.period, self.now, budget.anchor).key
                assert budget.hard and held.get(account, 0) < amount
            for each in worker.slices.slices():  # all or none
                assert each.free == held.get((each.budget.id, each.span.key), 0)
            return multiple()
        assert [budget for budget, _ in decided.accounts] == [budget.id for budget in PATHS[path]]
        worker.under_way[one] = Intent(*one, 0, amount, decided.accounts, worker.holder)
        return worker, one

    @rule(request=consumes(requests), part=st.integers(0, 100), again=st.booleans())
    def settle(self, request: tuple[Worker, tuple[str, int]], part: int, again: bool) -> None:
        worker, one = request
        if one not in worker.under_way or worker not in self.workers:
            return  # expired, or its worker died
        intent = worker.under_way.pop(one)
        cost = intent.reserved * part // 100
        settled = worker.slices.settle(one, cost)
        assert settled
        if part:
            worker.disk.append(Settle(intent, cost, "provider"))
            self.spent[one] = cost
        if again:
            assert worker.slices.settle(one, cost) is None
            assert worker.slices.release(one) is None

    @rule(
        seat=st.integers(0, WORKERS - 1),
        fate=st.sampled_from(["heard", "late", "unheard", "lost", "delayed"]),
    )
    def ask(self, seat: int, fate: str) -> None:
        worker = self.workers[seat]
        wants = worker.slices.wants(self.now)
        if fate == "delayed":
            worker.asked.append(wants)
        elif fate != "lost":
            grants = self.books.exchange(worker.holder, wants)
            if fate == "heard":
                worker.slices.hear(grants)
            elif fate == "late":
                worker.replies.append(grants)

    @rule(seat=st.integers(0, WORKERS - 1), which=st.integers(0, 9))
    def arrive(self, seat: int, which: int) -> None:
        worker = self.workers[seat]
        if worker.replies:
            worker.slices.hear(worker.replies.pop(which % len(worker.replies)))
        if worker.asked:
            self.books.exchange(worker.holder, worker.asked.pop(which % len(worker.asked)))

    @rule(seat=st.integers(0, WORKERS - 1), repeated=st.integers(1, 3), answered=st.booleans())
    def flush(self, seat: int, repeated: int, answered: bool) -> None:
        worker = self.workers[seat]
        for _ in range(repeated):
            self.books.flush(worker.disk)
        if answered:
            worker.disk.clear()

    @rule(seat=st.integers(0, WORKERS - 1))
    def crash(self, seat: int) -> None:
        worker = self.workers[seat]
        self.dead.append(worker)
        name, _, epoch = worker.holder.partition("/")
        self.workers[seat] = Worker(f"{name}/{int(epoch) + 1}")
        for one, intent in worker.under_way.items():
            self.spent[one] = intent.reserved

    @rule(closed=st.booleans())
    def replay(self, closed: bool) -> None:
        if not self.dead:
            return
        worker = self.dead[0]
        self.books.flush([*worker.disk, *map(unknown, worker.under_way.values())])
        if closed:  # else the replay was killed, and is done again
            self.books.close(worker.holder)
            self.dead.pop(0)
            for wants in worker.asked:  # what it had asked for arrives after its end
                self.books.exchange(worker.holder, wants)

    @rule(seconds=st.sampled_from([0.1, 1.0, 20.0, 70.0, DAY / 2, 8 * DAY, -3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.latest = max(self.latest, self.now)
        for worker in self.workers:
            for one, amount in worker.slices.late(self.now):
                assert worker.slices.settle(one, amount)
                intent = worker.under_way.pop(one)
                assert amount == intent.reserved
                worker.disk.append(unknown(intent))
                self.spent[one] = amount

    @invariant()
    def the_cap_holds(self) -> None:
        for account in list(self.books.leases):
            budget = self.books.budgets[account[0]]
            if budget.hard:
                held = [lease.held for lease in self.books.leases[account].values()]
                assert all(one >= 0 for one in held), (account, held)
                assert self.books.posted[account] + sum(held) <= budget.limit, account

    @invariant()
    def a_worker_spends_no_more_than_the_books_gave_it(self) -> None:
        for worker in self.workers:
            for each in worker.slices.slices():
                if each.budget.hard:
                    lease = self.books.leases[each.budget.id, each.span.key][worker.holder]
                    assert each.free >= 0
                    assert each.granted <= lease.granted and each.posted <= lease.spent
                    if each.heard >= 0:
                        assert each.returned >= lease.returned

    @invariant()
    def sums_are_the_sums_of_rows(self) -> None:
        assert all(self.spent[key[:2]] == cost for key, cost in self.books.usage.items())

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        for worker in self.workers:
            for one in list(worker.under_way):
                worker.slices.release(one)
                worker.under_way.pop(one)
        while self.dead:
            self.replay(closed=True)
        for worker in self.workers:
            worker.asked.clear()
            for _ in range(3):
                self.books.flush(worker.disk)
                worker.slices.hear(self.books.exchange(worker.holder, worker.slices.drain()))
            assert worker.slices.open_count == 0
        assert {key[:2]: cost for key, cost in self.books.usage.items()} == self.spent
        for account in list(self.books.leases):
            if self.books.budgets[account[0]].hard:
                assert self.books.leased(account) == self.forgotten(account), account
        self.what_fits_is_granted()

    def forgotten(self, account: tuple[str, str]) -> int:
        """Leased, by an asking that arrived late, to a worker that was done with the period: lost with it."""
        done = [worker.holder for worker in self.workers if account not in _known(worker)]
        assert self.ended(account) or all(not self.books.leases[account][one].held for one in done)
        return sum(self.books.leases[account][one].held for one in done)

    def ended(self, account: tuple[str, str]) -> bool:
        """Whether the period was over at some time; the clock may have gone back since."""
        budget = self.books.budgets[account[0]]
        return account[1] != span(budget.period, self.latest, budget.anchor).key

    def what_fits_is_granted(self) -> None:
        """No phantom: with nothing under way, whoever asks gets all that is not spent."""
        worker = self.workers[0]
        for name, path in PATHS.items():
            levels, left = worker.levels[name], 10**9
            for budget in path:
                worker.slices.reserve(("probe", self.number), Levels((budget,)), 0, self.now, self.now)
                worker.slices.release(("probe", self.number))
                (lasting,) = [
                    each.span.key for each in worker.slices.slices()
                    if each.budget.id == budget.id and each.span.start <= self.now < each.span.end
                ]  # fmt: skip
                if budget.hard:
                    account = budget.id, lasting
                    left = min(left, budget.limit - self.books.posted[account] - self.forgotten(account))
            one = f"last-{path[-1].id}", 1
            for _ in range(3):
                decided = worker.slices.reserve(one, levels, left, self.now, self.now + 60)
                if not isinstance(decided, Short):
                    break
                worker.slices.hear(self.books.exchange(worker.holder, worker.slices.wants(self.now)))
            assert isinstance(decided, Reserved), (decided, left)
            over = worker.slices.reserve(("over", 1), levels, 1, self.now, self.now + 60)
            worker.slices.hear(self.books.exchange(worker.holder, worker.slices.wants(self.now)))
            assert isinstance(over, Short | Exhausted)
            worker.slices.release(one)
            worker.slices.hear(self.books.exchange(worker.holder, worker.slices.wants(self.now)))


def _known(worker: Worker) -> set[tuple[str, str]]:
    return {(each.budget.id, each.span.key) for each in worker.slices.slices()}


Money.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestMoney = Money.TestCase
