"""Nodes of Ray on this machine, each with all its processes, so that one of them can die."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = 100 * 2**20  # of a node's store of objects


class Node:
    """A node that `ray start` has begun; it is killed at the end."""

    def __init__(self, folder: Path, number: int, *arguments: str) -> None:
        low = 21_000 + 400 * number
        ports = {
            "node-manager-port": free(),
            "object-manager-port": free(),
            "runtime-env-agent-port": free(),
            "dashboard-agent-grpc-port": free(),
            "dashboard-agent-listen-port": free(),
            "metrics-export-port": free(),
            "min-worker-port": low,
            "max-worker-port": low + 399,
        }
        options = [f"--{name}={port}" for name, port in ports.items()]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, *options]
        more = ["--num-cpus=1", f"--object-store-memory={MEMORY}", "--disable-usage-stats"]
        self.log = folder / f"node-{number}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *more, "--block"],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> list[int]:
        """Its own processes that are alive."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    parents[int(stat.parent.name)] = (int(fields[1]), int(fields[3]))
        root = self.process.pid
        found = {pid for pid, (_, session) in parents.items() if session == root}
        while more := {pid for pid, (up, _) in parents.items() if up in found} - found:
            found |= more
        return sorted(found)

    def kill(self) -> None:
        """Kill all of it at once, as a power cut does."""
        for _ in range(50):
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.process.poll() is not None and not self.processes():
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.processes()} of {self.log} do not end")


def free() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list[Node]]]:
    """A cluster of two nodes of one core each: its address, and the nodes, the head first."""
    port = free()
    address = f"127.0.0.1:{port}"
    own = tempfile.mkdtemp(prefix="ray-")  # names of sockets in it may have 107 bytes
    head = [f"--port={port}", f"--temp-dir={own}", f"--ray-client-server-port={free()}"]
    nodes: list[Node] = []
    try:
        nodes.append(started(folder, 0, "--head", "--include-dashboard=false", *head))
        nodes.append(started(folder, 1, f"--address={address}"))
        yield address, nodes
    finally:
        for node in reversed(nodes):
            node.kill()
        shutil.rmtree(own, ignore_errors=True)


def started(folder: Path, number: int, *arguments: str) -> Node:
    """Begin a node; where the machine is so busy that Ray gives up, again."""
    for _ in range(4):
        node = Node(folder, number, *arguments)
        try:
            while node.process.poll() is None:
                if "Ray runtime started" in node.log.read_text():
                    return node
                time.sleep(0.1)
        except BaseException:
            node.kill()
            raise
        node.kill()
    raise AssertionError(node.log.read_text())
