"""The demo: draw, explore, generate, and see what a VAE and an AE make of it.

Reading order; each room lists its modules in its own `__init__.py`:

1. `library/`       the models, their maps, real test images, and what may be asked of them
2. `page/`          pictures in and out, templates, maps; what the browser gets, in `page/static/`
3. `tabs/`          the pad, and one tab a module
4. `single/`        the same tabs for one model of any pictures and any code
5. `server/`        the same for programs: endpoints, files and health over HTTP
6. `environment.py` the address, the temporary folder and the proxies that the start finds
7. `app.py`         `build()` puts the page together; `launch()` serves it
8. `__main__.py`    `python -m demo`; `space.py` is the same as the script of a Space
9. `screenshot.py`  a hand that draws in a real browser, for the README's picture and the tests
10. `web/`          the page without a server; `embed/` has models in other programs

Each looks at those above it alone.
"""

import os

# Read when Gradio and onnxruntime are imported, and every module of this package is imported after
# these lines: the demo calls no other machine. onnxruntime 1.32 reports to its maker otherwise.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
