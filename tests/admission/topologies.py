"""Several servers that are one ledger: a master whose replica takes its place, and a cluster of three."""

import time
from collections.abc import Callable
from pathlib import Path

from loadtests.peers import free_port
from tests.admission.servers import Server, binaries

_PATIENCE_S = 20.0
_SERVICE = "kaze"
_PASSWORD, _SENTINEL_PASSWORD = "of-the-servers", "of-the-sentinel"
_SLOTS, _NODES = 16_384, 3


class Sentinel(Server):
    """What watches the master at `watched`. It is slow to take it for dead: a busy machine may stand still."""

    def __init__(self, binary: str, directory: Path, watched: int) -> None:
        super().__init__(binary, directory, free_port(), _SENTINEL_PASSWORD)
        self._watched = watched

    def command(self) -> list[str]:
        file = self.directory / "sentinel.conf"  # it is written to
        lines = [
            f"port {self.port}", "bind 127.0.0.1", f"dir {self.directory}", f"requirepass {_SENTINEL_PASSWORD}",
            f"sentinel monitor {_SERVICE} 127.0.0.1 {self._watched} 1",
            f"sentinel auth-pass {_SERVICE} {_PASSWORD}",
            f"sentinel down-after-milliseconds {_SERVICE} {_PATIENCE_S * 1000:.0f}",
            f"sentinel failover-timeout {_SERVICE} 3000",
        ]  # fmt: skip
        file.write_text("\n".join(lines) + "\n")
        return [*super().command()[:1], str(file), "--sentinel"]


class WatchedPair:
    """A master, its replica, and a sentinel. All of them want passwords; the first sentinel that the URL names is
    not there."""

    def __init__(self, directory: Path) -> None:
        binary = binaries()["valkey"]
        first, second = free_port(), free_port()
        more = {"repl_diskless_sync_delay": 0}
        self.servers = [
            Server(binary, directory / "first", first, _PASSWORD, **more),
            Server(binary, directory / "second", second, _PASSWORD, **more, replicaof=f"127.0.0.1 {first}"),
        ]
        self._sentinel = Sentinel(binary, directory / "sentinel", first)
        sentinels = f"127.0.0.1:{free_port()},127.0.0.1:{self._sentinel.port}"
        options = f"sentinel_password={_SENTINEL_PASSWORD}"
        self.url = f"redis+sentinel://:{_PASSWORD}@{sentinels}/{_SERVICE}?{options}"

    def start(self) -> None:
        for server in self.servers:
            server.start()
        wait(lambda: b"master_link_status:up" in self.servers[1].say("INFO", "replication"))
        self._sentinel.start()
        wait(self._is_watched)

    def stop(self) -> None:
        for server in (self._sentinel, *self.servers):
            server.stop()

    @property
    def master(self) -> Server:
        """The server that is the master by the sentinel's word."""
        answer = self._sentinel.say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", _SERVICE)
        return next(one for one in self.servers if b"\r\n%d\r\n" % one.port in answer)

    @property
    def replica(self) -> Server:
        return next(one for one in self.servers if one is not self.master)

    def lose_master(self) -> Server:
        """It is killed, and its replica takes its place; who it was."""
        lost = self.master
        self._sentinel.say("SENTINEL", "SET", _SERVICE, "down-after-milliseconds", 200)
        lost.stop()
        self._wait_for_another(lost)
        return lost

    def fail_over(self) -> Server:
        """The same, in order: who it was lives, and for ten seconds more does not know of it."""
        before = self.master
        self._sentinel.say("SENTINEL", "FAILOVER", _SERVICE)
        self._wait_for_another(before)
        return before

    def stop_replicating(self) -> None:
        """What is written from now on is on the master alone."""
        self.master.say("ACL", "SETUSER", "default", "-psync", "-sync")
        self.master.say("CLIENT", "KILL", "TYPE", "replica")
        wait(lambda: b"master_link_status:down" in self.replica.say("INFO", "replication"))

    def mend(self) -> None:
        """Both are there, one the other's replica, and nothing is in them."""
        for server in self.servers:
            server.stop()
        self._sentinel.stop()
        self.start()

    def _is_watched(self) -> bool:
        """Whether the sentinel knows master and replica, and finds them well."""
        answer = self._sentinel.say("SENTINEL", "REPLICAS", _SERVICE)
        return b"$5\r\nslave\r\n" in answer and b"master-link-status\r\n$2\r\nok" in answer

    def _wait_for_another(self, before: Server) -> None:
        wait(lambda: self.master is not before and b"role:master" in self.master.say("INFO", "replication"))


class Cluster:
    """Three masters, each with a third of the slots. The first node that the URL names is not there."""

    def __init__(self, directory: Path) -> None:
        binary = binaries()["valkey"]
        self.nodes = [
            Server(
                binary, directory / str(number), free_port(), cluster_enabled="yes", cluster_port=free_port(),
                cluster_node_timeout=5000, cluster_allow_replica_migration="no",
            )
            for number in range(_NODES)
        ]  # fmt: skip
        self.url = "redis+cluster://" + ",".join(
            f"127.0.0.1:{port}" for port in (free_port(), *(node.port for node in self.nodes))
        )

    def start(self) -> None:
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait()
        for number, node in enumerate(self.nodes):
            first, end = _SLOTS * number // _NODES, _SLOTS * (number + 1) // _NODES
            node.say("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            node.say("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            bus = node.say("CONFIG", "GET", "cluster-port").split(b"\r\n")[-2].decode()
            self.nodes[0].say("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        self.wait()

    def wait(self) -> None:
        """Until all of them find all of them well."""
        wait(lambda: all(map(self._finds_all_well, self.nodes)))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    @staticmethod
    def _finds_all_well(node: Server) -> bool:
        known = node.say("CLUSTER", "NODES")
        connected = (
            known.count(b" connected ") == _NODES and b"fail" not in known and b"handshake" not in known
        )
        return connected and b"cluster_state:ok" in node.say("CLUSTER", "INFO")

    def node_of(self, key: str) -> Server:
        """Where the key is."""
        slot = int(self.nodes[0].say("CLUSTER", "KEYSLOT", key)[1:])
        return self.nodes[next(n for n in range(_NODES) if slot < _SLOTS * (n + 1) // _NODES)]


def wait(true: Callable[[], bool]) -> None:
    """Until it is, asked again and again."""
    until = time.monotonic() + _PATIENCE_S
    while not _now(true):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)


def _now(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except OSError:
        return False
