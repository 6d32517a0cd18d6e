// @ts-check
// A graph run by ONNX Runtime, which leaves a GPU that fails for the processor.

import { PackageMissingError, messageOf } from "./errors.js";
import { nodeFiles } from "./files.js";

let turn = Promise.resolve(); // settles when the newest run is over

/**
 * Do one job after the other.
 *
 * @template T
 * @param {() => Promise<T>} job
 * @returns {Promise<T>}
 */
function inTurn(job) {
  const done = turn.then(job);
  turn = done.then(
    () => {},
    () => {},
  );
  return done;
}

/** @type {WeakSet<object>} */
const failed = new WeakSet(); // runtimes whose GPU failed: asked once more, they may never answer

/**
 * Leave the GPU of a runtime for good, and say so once.
 *
 * @param {object} ort
 * @param {string} device
 * @param {unknown} why
 */
function leave(ort, device, why) {
  if (failed.has(ort)) return;
  failed.add(ort);
  console.warn(`vae.js goes on with ${processor()}: ${device} failed (${messageOf(why)})`);
}

function processor() {
  return nodeFiles() ? "cpu" : "wasm";
}

/**
 * @typedef {object} Numbers What a graph gives.
 * @property {Float32Array} data
 * @property {readonly number[]} dims
 */

/** One graph, opened in a runtime. */
export class Session {
  /** @type {"onnxruntime"} */
  engine = "onnxruntime";
  #ort;
  #content;
  #options;
  /** @type {any} */
  #session;
  #device;
  #released = false;

  /**
   * @param {any} ort
   * @param {Uint8Array | null} content
   * @param {any} options
   */
  constructor(ort, content, options = {}) {
    const [first = processor()] = options.executionProviders ?? [];
    this.#device = String(first.name ?? first);
    this.#ort = ort;
    this.#content = content;
    // One thread: more of them are slower on graphs this small, and spin between the calls.
    this.#options = { intraOpNumThreads: 1, ...options };
  }

  /**
   * @param {any} ort
   * @param {Uint8Array} content Of an ONNX file.
   * @param {object} [options] For `InferenceSession.create`.
   * @returns {Promise<Session>}
   */
  static async open(ort, content, options) {
    const session = new Session(ort, content, options);
    await inTurn(() => session.#open());
    return session;
  }

  get inputs() {
    return this.#session.inputMetadata;
  }

  get outputs() {
    return this.#session.outputMetadata;
  }

  /** What runs it: the first of the execution providers, or what is left of them. */
  get device() {
    return failed.has(this.#ort) ? processor() : this.#device;
  }

  /**
   * Run it once, after the runs that were asked for before: two that overlap on WebGPU wait for each
   * other for ever.
   *
   * @param {import("./graph.js").Port} port
   * @param {Float32Array | Uint8Array} value
   * @param {readonly number[]} shape
   * @returns {Promise<Record<string, Numbers>>} The outputs by name.
   */
  run({ name, type }, value, shape) {
    const feeds = { [name]: new this.#ort.Tensor(type, value, shape) };
    return inTurn(async () => {
      if (failed.has(this.#ort)) await this.#move();
      try {
        return await this.#run(feeds);
      } catch (error) {
        if (this.#onProcessor()) throw error;
        const device = this.#device;
        await this.#move();
        const outputs = await this.#run(feeds); // if this fails, too, it was not the GPU
        leave(this.#ort, device, error);
        return outputs;
      }
    });
  }

  /** @returns {Promise<void>} */
  release() {
    this.#released = true;
    return inTurn(() => this.#session.release());
  }

  async #open() {
    if (failed.has(this.#ort)) this.#choose(processor());
    if (this.#onProcessor()) return this.#create();
    const device = this.#device;
    try {
      if (device === "webgpu") await tryGpu();
      await this.#create();
      this.#watch().catch(() => {});
    } catch (error) {
      this.#choose(processor());
      await this.#create(); // if this fails, too, it was not the GPU
      leave(this.#ort, device, error);
    }
  }

  /** Leave the GPU as soon as it is lost, before a run finds out. */
  async #watch() {
    const device = this.#device;
    const gpu = await this.#ort.env?.webgpu?.device;
    const info = await gpu?.lost; // for good, too, once the runtime has no session on it any more
    if (info && !this.#released) leave(this.#ort, device, info.message || info.reason);
  }

  /** Open it on the processor, if it is not there already. */
  async #move() {
    if (this.#onProcessor()) return;
    const old = this.#session;
    this.#choose(processor());
    await this.#create();
    await Promise.resolve(old.release()).catch(() => {}); // the GPU is lost, and its memory with it
  }

  async #create() {
    const { InferenceSession } = this.#ort;
    try {
      this.#session = await InferenceSession.create(this.#content, this.#options);
    } catch (error) {
      throw this.#onProcessor() ? startTrouble(error) : error;
    }
    if (this.#onProcessor()) this.#content = null; // nobody needs to open it again
  }

  /** @param {Record<string, unknown>} feeds */
  async #run(feeds) {
    const outputs = await this.#session.run(feeds);
    const names = Object.keys(outputs);
    const numbers = await Promise.all(names.map((name) => outputs[name].getData()));
    return Object.fromEntries(
      names.map((name, i) => [name, { data: numbers[i], dims: outputs[name].dims }]),
    );
  }

  #onProcessor() {
    return ["wasm", "cpu"].includes(this.#device);
  }

  /** @param {string} device */
  #choose(device) {
    this.#device = device;
    this.#options = { ...this.#options, executionProviders: [device] };
  }
}

/**
 * Throw unless there is a GPU that can be had. ONNX Runtime must not find that out by itself: it holds a
 * lock then, for which every later call waits without end.
 */
async function tryGpu() {
  if (nodeFiles()) return; // Node has no such API, its runtime may have the GPU all the same
  const adapter = await /** @type {any} */ (globalThis.navigator)?.gpu?.requestAdapter();
  if (!adapter) throw new Error("there is no GPU that this browser lends");
  (await adapter.requestDevice()).destroy();
}

/**
 * What to say where the runtime itself does not start.
 *
 * @param {unknown} error
 */
function startTrouble(error) {
  const message = messageOf(error).replace(/\.$/, "");
  if (!/no available backend/i.test(message)) return error;
  return new PackageMissingError(
    `onnxruntime-web does not start, whatever the model: ${message}. It needs the .wasm file ` +
      "of its own version: copy ort-wasm-simd-threaded.wasm from node_modules/onnxruntime-web/dist/ to " +
      "where files are served as they are, and name its URL: ort.env.wasm.wasmPaths = { wasm: url }",
    { cause: error },
  );
}
