"""The work on a cluster: Ray Data hands shards to actors, each of which has the model open."""

from __future__ import annotations

import importlib
import json
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vae_onnx import checks, errors
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk import local
from vae_onnx.bulk.job import Job
from vae_onnx.bulk.local import Written
from vae_onnx.bulk.shards import Shard
from vae_onnx.errors import DeviceError, InputError, PackageMissingError, VaeOnnxError

if TYPE_CHECKING:
    from vae_onnx.bulk.bulk import Cluster

Batch = dict[str, npt.NDArray[Any]]


class Shards:
    """An actor: it reads, embeds and writes the shards that it is given.

    What it did before it was killed is done again, by itself or another one, to the same bytes.

    Args:
        job: In Ray's store of objects.
        threads: Of the model.
    """

    def __init__(self, job: Any, threads: int) -> None:
        import ray

        self.job: Job = ray.get(job)
        self.threads = threads
        model = self.job.opening.load(threads=threads)
        self.model: Autoencoder = local.for_workers(self.job.opening, model)

    def __call__(self, batch: Batch) -> Batch:
        """Do the shards whose numbers are in the column `shard`; tell as JSON what came of it."""
        waiting = [self.job.shards[int(index)] for index in batch["shard"]]
        try:
            run = local.run(self.job, waiting, self.model, self.threads, lambda count: None)
            written = list(run)
        except VaeOnnxError as error:  # which Ray would try again, and then wrap
            return {"told": np.array([json.dumps([type(error).__name__, str(error)])])}
        told = [[each.shard.number, list(each.errors), each.notes] for each in written]
        return {"told": np.array([json.dumps(each) for each in told])}


def run(
    job: Job, waiting: Sequence[Shard], cluster: Cluster, tell: Callable[[int], None]
) -> Generator[Written]:
    """Do some shards on a cluster, in any order.

    Args:
        job: What is to be done; its files must be seen by all machines.
        waiting: Which shards.
        cluster: Where, and with how much.
        tell: Called with the number of images of each shard that is finished.

    Yields:
        Each shard once its file is there.

    Raises:
        PackageMissingError: Ray is not installed.
        DeviceError: There is no such cluster, or no room in it for one actor; or it failed.
        VaeOnnxError: As the local engine.
    """
    ray = _ray()
    with _connected(ray, cluster):
        room = _room(ray, cluster)
        numbers = ray.data.from_items(
            [{"shard": shard.number} for shard in waiting], override_num_blocks=len(waiting)
        )
        done = numbers.map_batches(
            Shards,
            fn_constructor_args=(ray.put(job), cluster.num_cpus),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(room, len(waiting))),
            num_cpus=cluster.num_cpus,
            num_gpus=cluster.num_gpus or None,
        )
        for row in _rows(ray, done):
            index, *told = json.loads(str(row["told"]))
            if isinstance(index, str):
                raise getattr(errors, index)(told[0])
            shard = job.shards[index]
            tell(shard.stop - shard.start)
            yield Written(shard, [(name, why) for name, why in told[0]], Counter(told[1]))


def _rows(ray: Any, done: Any) -> Iterator[Any]:
    try:
        yield from done.iter_rows()
    except ray.exceptions.RayError as error:
        cause = str(error).strip().splitlines()[-1]
        raise DeviceError(
            f"the Ray cluster failed: {cause}; what is done is kept, go on with --resume"
        ) from error


def _ray() -> Any:
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
        return ray
    except ModuleNotFoundError as error:
        raise PackageMissingError(
            f"the engine ray needs Ray Data ({error}): pip install 'vae-onnx[bulk,ray]'"
        ) from error


@contextmanager
def _connected(ray: Any, cluster: Cluster) -> Iterator[None]:
    """Be in a cluster within; one that was entered before is stayed in."""
    _quieten(ray)
    if ray.is_initialized():
        yield
        return
    try:
        _see(cluster.address)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, ValueError, RuntimeError) as error:
        raise DeviceError(
            f"there is no Ray cluster at {cluster.address or '$RAY_ADDRESS'}: {error}; `ray start "
            "--head` begins one, and without an address one is begun on this machine; one that "
            "was begun with a token wants RAY_AUTH_MODE=token"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _see(address: str | None) -> None:
    """Raise OSError where nobody listens, which Ray itself tries again for a minute."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit() and "/" not in host:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=10):
            pass


def _quieten(ray: Any) -> None:
    """Leave saying how far it has come to the caller."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # of its absence
    # Of every pool of actors Ray Data has an error printed that these might not start anew.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")


def _room(ray: Any, cluster: Cluster) -> int:
    """How many actors there is room for, and are wanted at most."""
    if cluster.num_cpus < 1 or cluster.num_gpus < 0:
        raise InputError(
            "an actor needs at least 1 core and no less than 0 GPUs, got "
            f"{cluster.num_cpus} and {cluster.num_gpus}"
        )
    there = ray.cluster_resources()
    room = int(there.get("CPU", 0) // cluster.num_cpus)
    if cluster.num_gpus:
        room = min(room, int(there.get("GPU", 0) // cluster.num_gpus))
    if room < 1:
        raise DeviceError(
            f"an actor of {cluster.num_cpus} cores and {cluster.num_gpus} GPUs has no room in the "
            f"cluster, which has {there.get('CPU', 0):g} and {there.get('GPU', 0):g}"
        )
    if cluster.actors is None:
        return room
    return min(room, checks.integer(cluster.actors, "actors", at_least=1))
