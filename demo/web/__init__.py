"""The demo as a static page: the models run in the browser, and a server only hands out files.

Reading order:

1. `vae.js`       the graphs as functions, for any host of JavaScript; its types are `vae.d.ts`
2. `runtime.js`   onnxruntime-web, unpacked and set up
3. `map.js`       the test set as a map of the latent plane
4. `page.js`      from what is drawn, chosen or pointed at to what `index.html` shows
5. `sw.js`        the service worker: offline after the first visit
6. `build.py`     puts the site together; `make site`

The pad is that of the Gradio demo, `demo/page/static/pad.js`.
"""
