"""`python -m tests.fuzz`: hand mutated inputs to every reader, and tell what came of it."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import targets
from .target import COUNTED, COUNTS
from .targets import KNOWN

GROWTH = 64 << 10  # KB that a process may grow after its first tenth
CRASHES = 20  # of one target, after which it is left
HERE = Path(__file__).parents[2]


@dataclass
class Outcome:
    """What came of one target."""

    name: str
    inputs: int = 0
    taken: int = 0
    seconds: float = 0.0  # of a processor
    growth: int = 0  # KB after the first tenth, of the process that grew most
    found: list[str] = field(default_factory=list)


def fuzz(name: str, inputs: int, seed: int, kept: Path) -> Outcome:
    """Hand so many inputs to a target, in as many processes as they crash."""
    outcome = Outcome(name)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    crashes = 0
    while outcome.inputs < inputs and crashes < CRASHES:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            crashes += _run(outcome, inputs - outcome.inputs, seed + crashes, Path(folder), kept)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if outcome.growth > GROWTH:
        outcome.found.append(f"{name}: grew by {outcome.growth >> 10} MB")
    return outcome


def _run(outcome: Outcome, inputs: int, seed: int, folder: Path, kept: Path) -> bool:
    """Run one process; whether it crashed."""
    command = [sys.executable, "-m", "tests.fuzz.child", outcome.name, str(inputs), str(seed)]
    log = folder / "log"
    with log.open("wb") as file:
        ended = subprocess.run([*command, str(folder)], cwd=HERE, stdout=file, stderr=file)
    ran, taken, first, now = _counts(folder)
    if not ran:
        raise SystemExit(f"{outcome.name} could not begin:\n{log.read_text(errors='replace')}")
    outcome.inputs += ran
    outcome.taken += taken
    outcome.growth = max(outcome.growth, now - first)
    for path in sorted(folder.glob("*-*")):
        if path.is_file() and path.suffix != ".txt" and not _was_interrupted(outcome.name, path):
            _keep(path, kept / outcome.name, log)
            outcome.found.append(f"{outcome.name}: {path.name}")
    crashed = ended.returncode != 0
    if crashed and not any(folder.glob("*-*")):
        tail = log.read_text(errors="replace")[-2000:]
        outcome.found.append(f"{outcome.name}: ended with {ended.returncode}: {tail}")
    return crashed


def _was_interrupted(name: str, path: Path) -> bool:
    """Whether what took too long does not do so again: the process was stopped meanwhile."""
    if not path.name.startswith("timeout-"):
        return False
    again = [sys.executable, "-m", "tests.fuzz.replay", name, str(path)]
    return subprocess.run(again, cwd=HERE, check=False, capture_output=True).returncode == 0


def _counts(folder: Path) -> tuple[int, ...]:
    path = folder / COUNTED
    return COUNTS.unpack(path.read_bytes()) if path.exists() else (0, 0, 0, 0)


def _keep(path: Path, folder: Path, log: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    told = path.with_suffix(".txt")
    (folder / path.name).write_bytes(path.read_bytes())
    (folder / f"{path.name}.txt").write_bytes((told if told.exists() else log).read_bytes())


def tell(page: Path, out: Path) -> None:
    """Write what came of all targets into a page."""
    from export import markdown  # which the environment of the service does not have

    order = [name for some in KNOWN.values() for name in some]
    outcomes = [Outcome(**json.loads(path.read_text())) for path in out.glob("*.json")]
    rows = [
        [targets.reads(each.name), f"{each.inputs:,}", f"{each.taken:,}",
         f"{each.seconds:.0f}", f"{max(0, each.growth) / 1024:.0f}", f"{len(each.found)}"]
        for each in sorted(outcomes, key=lambda each: order.index(each.name))
    ]  # fmt: skip
    inputs, seconds = (
        sum(getattr(each, key) for each in outcomes) for key in ("inputs", "seconds")
    )
    rows.append(["all", f"{inputs:,}", "", f"{seconds:,.0f}", "", ""])
    header = ["input", "how many", "taken", "processor seconds", "growth, MB", "found"]
    markdown.fill(page, "fuzz", markdown.table(header, rows))


def main() -> int:
    """Fuzz as the command line says; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help="targets, or modules of them; by default all here")
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "build" / "fuzz")
    parser.add_argument("--page", type=Path, help="write what came of earlier runs into it, alone")
    options = parser.parse_args()
    if options.page:
        tell(options.page, options.out)
        return 0
    names = [
        name
        for each in options.names
        for name in (targets.names(each) if each in KNOWN else [each])
    ] or targets.names()
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    for name in names:
        outcome = fuzz(name, targets.inputs(name, options.share), options.seed, options.out)
        (options.out / f"{name}.json").write_text(json.dumps(asdict(outcome), indent=1))
        print(
            f"{name}: {outcome.inputs:,} inputs in {outcome.seconds:.0f} s, "
            f"{outcome.taken:,} taken, grew by {outcome.growth / 1024:.0f} MB, "
            f"found {len(outcome.found)}",
            flush=True,
        )
        found += outcome.found
    print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
