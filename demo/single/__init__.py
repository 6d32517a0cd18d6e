"""What the tabs show of one model by itself: of colours, of any size, with a code of any shape.

Reading order: `words.py` how sizes and codes are told; `frame.py` the frame that takes a picture,
and the way from its value to what the model sees; `use.py` the code that makes what is on screen;
`look.py`, `explore.py`, `generate.py` (with `sums.py`), `facts.py` what stands on the other tabs.
"""

from demo.single.explore import ExploreTab
from demo.single.facts import FactsTab
from demo.single.generate import GenerateTab
from demo.single.look import LookTab
from demo.single.use import UseTab
from demo.single.words import head

__all__ = ["ExploreTab", "FactsTab", "GenerateTab", "LookTab", "UseTab", "head"]
