"""The engine of vae.js's own: `kernel.c` in WebAssembly, and `__main__.py`, which compiles it.

What calls it is in `demo/web/vae/`: `engine.js` chooses, `kernel.js` starts it, `dense.js` has it
run a graph.
"""
