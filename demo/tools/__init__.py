"""The programs beside Python that the static site, its pictures and the tests need.

`need(NAME)` is the one place that looks for them: on PATH, then in the folder of this environment's
own programs. What is missing, too old or does not start comes from the first source that answers,
into this environment and never into the system. `python -m demo.tools npm chromium` does so
beforehand, for the Makefile.

`programs.py` finds them, `sources.py` fetches them.
"""

from demo.tools.programs import lend_node, need, npm_pack
from demo.tools.sources import FetchError

__all__ = ["FetchError", "lend_node", "need", "npm_pack"]
