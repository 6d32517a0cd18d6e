"""The script that a Hugging Face Space runs; on a machine of one's own it is `python -m demo`."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

# A script belongs to no package, and on a Space not even its folder is called `demo`.
FOLDER = Path(__file__).resolve().parent


def _make_package() -> None:
    """Let `import demo` find this folder, whatever it is called."""
    spec = importlib.util.spec_from_file_location(
        "demo", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["demo"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["demo"])


if __name__ == "__main__":
    _make_package()
    # A Space is reached through proxies of its own network, which say whom they speak for. Not "*":
    # with it a visitor's own word would be taken.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16")
    from demo.__main__ import main

    sys.exit(main())
