"""The nearest of an embedded collection: exactly, through the index, and by what else faiss has.

python tests/bench/nearest.py prints its section of docs/benchmarks.md alone.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

import vae_onnx
from export.config import Config
from export.data import datasets
from export.markdown import table
from vae_onnx.bulk.neighbours import Collection, Index, nearest

SIZES = (10**5, 10**6, 10**7)
LENGTHS = (2, 16, 64)
KINDS = ("Flat", "IVF{lists},Flat", "HNSW32")  # of faiss, compared up to MOST vectors
MOST = 10**6
QUERIES = 100
K = 10
ROUNDS = 5
SHARD = 2**18  # rows of a file
MODELS = ("mnist-vae", "mnist-vae-16d", "fashion-mnist-vae-16d")
ENOUGH = 0.99  # of the nearest found, for which the times of all kinds are told


def section() -> str:
    cases = [(size, length) for size in SIZES for length in LENGTHS]
    found, kinds = [], []
    for size, length in tqdm(cases, desc="nearest", disable=None):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            write(Path(folder), size, length)
            results = [apart(measure, folder) for measure in (exactly, built, indexed)]
            found.append(row(size, length, *results))
            if size <= MOST:
                kinds += [
                    [f"{size:,} x {length}", *cells]
                    for cells in (apart(of_kind, folder, kind) for kind in KINDS)
                ]
    header = ["vectors", "exact, 1", f"exact, {QUERIES}", "memory", "build", "memory", "size"]
    header += ["index, 1", f"index, {QUERIES}", "lists", f"recall@{K}"]
    others = [
        "vectors",
        "index of faiss",
        "build",
        "size",
        "for that recall",
        "a query",
        f"recall@{K}",
    ]
    return f"""## The nearest of a collection

The {K} nearest by `nearest` and by `Index`, each in a process of its own, from Parquet
files of {SHARD:,} rows that lie in the system's cache. Vectors and the {QUERIES} queries are drawn
from N(0, I), the prior of a VAE: no two parts of it are apart, so that nothing is harder to index.
"1" is one query with opening, "{QUERIES}" all of them together, medians of {ROUNDS}; searching on
one thread, building on all. Memory is the most that the process had, with the pages of the files
that it mapped; size what the index has on disk, over the bytes of the vectors alone. "lists" are
those that a query looks into, which the index chose itself.

{table(header, found)}

Codes of real pictures are easier: here of the training images of a data set, the queries being of
1,000 test images.

{table(["codes", "vectors", "lists", f"recall@{K}"], [of_pictures(name) for name in MODELS])}

What else faiss has, on one thread but for building, each at the setting that finds {ENOUGH:.0%}, or
at the largest that was tried:

{table(others, kinds)}"""


def row(size: int, length: int, exact: Any, build: Any, index: Any) -> list[str]:
    return [
        f"{size:,} x {length}",
        *(seconds(value) for value in exact["seconds"]),
        f"{exact['memory']:.0f} MB",
        seconds(build["seconds"]),
        f"{build['memory']:.0f} MB",
        f"{build['bytes'] / (4 * size * length):.2f}",
        *(seconds(value) for value in index["seconds"]),
        f"{index['probes']:,} of {index['lists']:,}",
        f"{index['recall']:.3f}",
    ]


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.3g} ms"


def draws(size: int, length: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Vectors (n, length) in blocks."""
    rng = np.random.default_rng(seed)
    for start in range(0, size, SHARD):
        yield rng.standard_normal((min(SHARD, size - start), length), dtype=np.float32)


def write(folder: Path, size: int, length: int) -> None:
    """Write a collection as `vae-onnx embed` does."""
    start = 0
    for part, vectors in enumerate(draws(size, length)):
        ids = pa.array(np.arange(start, start + len(vectors)))
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), length)
        pq.write_table(pa.table({"id": ids, "mu": lists}), folder / f"part-{part:05d}.parquet")
        start += len(vectors)


def apart(measure: Callable[..., Any], *arguments: str) -> Any:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, measure.__name__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def exactly(folder: str) -> dict[str, Any]:
    q = queries(Collection(folder).length)
    times = [median(lambda: nearest(folder, q[:1], K)), median(lambda: nearest(folder, q, K))]
    np.save(Path(folder) / "truth.npy", nearest(folder, q, K).positions)
    return {"seconds": times, "memory": memory()}


def built(folder: str) -> dict[str, Any]:
    start = time.perf_counter()
    Index(Collection(folder))
    took = time.perf_counter() - start
    size = sum(path.stat().st_size for path in (Path(folder) / "_index").rglob("*.*"))
    return {"seconds": took, "memory": memory(), "bytes": size}


def indexed(folder: str) -> dict[str, Any]:
    collection = Collection(folder)
    q = queries(collection.length)
    index = Index(collection, threads=1)
    alone = median(lambda: Index(Collection(folder), threads=1).nearest(q[:1], K))
    found = index.nearest(q, K).positions
    return {
        "seconds": [alone, median(lambda: index.nearest(q, K))],
        "probes": index.probes,
        "lists": index.lists,
        "recall": recall(found, np.load(Path(folder) / "truth.npy")),
    }


def of_pictures(name: str) -> list[str]:
    """Index the codes of training images, look for those of test images."""
    config = Config(dataset=name.partition("-vae")[0])
    model = vae_onnx.load(name)
    train, test = datasets.load_train_validation(config)[0], datasets.load_test(config)
    codes, q = (model.encode(part.pixels.numpy()) for part in (train, test))
    with tempfile.TemporaryDirectory(dir=".") as folder:
        pq.write_table(pa.table({"mu": list(codes)}), Path(folder) / "part-00000.parquet")
        index = Index(Collection(folder))
        truth = nearest(folder, q[:1000], K).positions
        part = recall(index.nearest(q[:1000], K).positions, truth)
    lists = f"{index.probes} of {index.lists}"
    return [name, f"{len(codes):,} x {codes.shape[1]}", lists, f"{part:.3f}"]


def of_kind(folder: str, kind: str) -> list[str]:
    """Build an index of faiss in memory; find the setting with which it finds enough."""
    import faiss

    collection = Collection(folder)
    x = np.concatenate(list(collection.vectors()))
    q = queries(collection.length).astype(np.float32)
    truth = np.load(Path(folder) / "truth.npy")
    kind = kind.format(lists=int(np.sqrt(len(x))))
    index = faiss.index_factory(collection.length, kind)
    start = time.perf_counter()
    index.train(x[np.random.default_rng(0).permutation(len(x))[: 64 * getattr(index, "nlist", 1)]])
    index.add(x)
    took = time.perf_counter() - start
    size = len(faiss.serialize_index(index))
    faiss.omp_set_num_threads(1)
    told, parameters, part = "", None, 0.0
    for told, parameters in settings(kind, getattr(index, "nlist", 0)):  # noqa: B007
        part = recall(index.search(q, K, params=parameters)[1], truth)
        if part >= ENOUGH:
            break
    a_query = median(lambda: index.search(q, K, params=parameters)) / len(q)
    return [kind, seconds(took), f"{size / x.nbytes:.2f}", told, seconds(a_query), f"{part:.3f}"]


def settings(kind: str, lists: int) -> Iterator[tuple[str, Any]]:
    """What a kind can be told, from the quickest on."""
    import faiss

    if kind == "Flat":
        yield "", None
    elif kind.startswith("IVF"):
        for probes in (*(2**power for power in range(lists.bit_length())), lists):
            yield f"{probes} lists", faiss.SearchParametersIVF(nprobe=probes)
    else:
        for wide in (2**power for power in range(4, 12)):
            yield f"efSearch {wide}", faiss.SearchParametersHNSW(efSearch=wide)


def queries(length: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((QUERIES, length))


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return (
        float(
            np.mean([len({*a} & {*b}) for a, b in zip(found.tolist(), truth.tolist(), strict=True)])
        )
        / K
    )


def median(call: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def memory() -> float:
    """The most that this process has had, in MB."""
    with Path("/proc/self/status").open() as file:
        (most,) = [line for line in file if line.startswith("VmHWM")]
    return int(most.split()[1]) / 1024


MEASURES = {measure.__name__: measure for measure in (exactly, built, indexed, of_kind)}

if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(MEASURES[sys.argv[1]](*sys.argv[2:])))
    else:
        print(section())
