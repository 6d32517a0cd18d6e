"""The package of npm: `vae.js` with its types, for whoever writes `npm install vae-onnx`.

`package.json` and `README.md` are its own, but for the version, which is that of the Python
package; `__main__.py` puts the rest beside them and packs it.
"""
