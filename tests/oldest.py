"""Print old versions for pip: the oldest that the runtime needs, or the oldest host of the graphs.

`python tests/oldest.py` prints what pyproject.toml still allows; `python tests/oldest.py graphs`
the first onnxruntime that there are wheels of for this Python, far older than that.
"""

import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
GRAPHS = {
    (3, 11): ("onnxruntime==1.15.0", "numpy==1.26.*"),
    (3, 12): ("onnxruntime==1.17.0", "numpy==1.26.*"),
    (3, 13): ("onnxruntime==1.20.0",),
    (3, 14): ("onnxruntime==1.24.1",),
}

if __name__ == "__main__":
    if sys.argv[1:] == ["graphs"]:
        print(*GRAPHS[min(sys.version_info[:2], max(GRAPHS))])
        sys.exit()
    needed = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    print(*(requirement.replace(">=", "==") + ".*" for requirement in needed))
