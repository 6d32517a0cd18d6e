"""One tab of the page a module, and the pad that two of them have.

Reading order: `pad.py` the canvas, and the checked way from its value to x; `use.py` the code that
makes what is on screen; `draw.py`, `explore.py`, `generate.py`, `training.py` the other tabs.
"""
