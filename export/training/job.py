"""Which `torchrun` a run was begun by: one that starts its processes anew wants them to go on.

Its own count of restarts does not tell: where another machine has failed, or has been replaced, it
stays at 0 here; and it also counts a start that was refused, so as not to overwrite a run.
"""

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from export import writing

JOB: Final = "torchrun.json"


def agent() -> str | None:
    """The `torchrun` of this machine that has started this process, if one has."""
    run_id = os.environ.get("TORCHELASTIC_RUN_ID")
    parent = os.getppid()
    return run_id and f"{run_id}, process {parent}{_began(parent)} on {socket.gethostname()}"


def _began(process: int) -> str:
    """When a process began, if the system tells: in a container its number is always the same."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        return f" of {stat.rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""


def note(run: Path, agents: Sequence[str | None]) -> None:
    """Write down by which ones, on all machines, a run is trained."""
    if named := sorted({one for one in agents if one}):
        writing.write_text(run / JOB, json.dumps(named, indent=1))


def is_same(run: Path, agents: Sequence[str | None]) -> bool:
    """Whether one of these has already trained the run."""
    try:
        return not set(json.loads((run / JOB).read_text(encoding="utf-8"))).isdisjoint(agents)
    except (OSError, ValueError, TypeError):
        return False


def forget(run: Path) -> None:
    """Leave no trace in a run that is finished."""
    (run / JOB).unlink(missing_ok=True)
