"""The demo as a static page: the models run in the browser, and a server only hands out files.

Reading order:

1. `vae/`       the graphs as functions, for any host of JavaScript; begin with its `vae.js`
2. `join.py`    makes one file of them, which is what pages, docs and tests use
3. `kernel/`    the C of which `vae/binary.js` is compiled, for models that need no onnxruntime-web
4. `site/`      the page: `runtime.js` sets onnxruntime-web up, `lanes.js` opens a model and its
                map (`map.js`), `page.js` goes from what is drawn, chosen or pointed at to what is
                shown, and `sw.js`, the service worker, keeps it all for use offline
5. `build.py`   puts the site together; `make site`
6. `npm/`       packs `vae.js` for npm; `make npm`

The pad is that of the Gradio demo, `demo/page/static/pad.js`.
"""
