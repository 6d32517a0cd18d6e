// @ts-check
// What runs the graphs: the kernel, which is in here, those that it knows, and ONNX Runtime all others.

import { checkOneOf } from "./checks.js";
import { Dense } from "./dense.js";
import { GraphError, InputError, PackageMissingError, messageOf } from "./errors.js";
import { Small } from "./evaluate.js";
import { Unfit, readGraph } from "./graphproto.js";
import { Kernel } from "./kernel.js";
import { checkRuntime, findRuntime } from "./package.js";
import { Session } from "./session.js";

/** @typedef {Session | KernelSession} AnySession */

/**
 * @typedef {object} Model A file that was read.
 * @property {string} file
 * @property {Uint8Array} content
 * @property {Record<string, string>} metadata
 */

/**
 * Open models that belong together, all in one engine: the one that is named; else, without options for
 * ONNX Runtime, the kernel if it knows all of them; else ONNX Runtime.
 *
 * @param {Promise<Model>[]} reading
 * @param {import("./vae.js").RuntimeOptions} options
 * @returns {Promise<AnySession[]>}
 */
export async function openSessions(reading, options) {
  const engine = checkEngine(options);
  const given = typeof options.ort === "function" ? undefined : options.ort;
  if (given !== undefined) checkRuntime(given);
  const asked = Promise.all(reading);
  if (engine === "onnxruntime") {
    const [ort, models] = await Promise.all([findRuntime(options.ort), asked]);
    return openInRuntime(ort, models, options.sessionOptions);
  }
  const models = await asked;
  try {
    return await Promise.all(models.map((model) => KernelSession.open(model)));
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    if (engine === "kernel") {
      const remedy = 'leave engine out, or name engine: "onnxruntime"';
      throw new GraphError(`the kernel cannot run ${error.message}; ${remedy}`, { cause: error });
    }
    return openInRuntime(await runtimeInstead(options.ort, error), models, {});
  }
}

/**
 * The engine that is named, or is meant by the other options.
 *
 * @param {import("./vae.js").RuntimeOptions} options
 */
function checkEngine({ engine, sessionOptions }) {
  if (engine !== undefined) checkOneOf("engine", engine, ["kernel", "onnxruntime"]);
  const told = Object.keys(sessionOptions ?? {}).length > 0;
  if (engine === "kernel" && told) {
    throw new InputError('sessionOptions are for ONNX Runtime: leave them out, or name engine: "onnxruntime"');
  }
  return told ? "onnxruntime" : engine;
}

/**
 * ONNX Runtime, where the kernel does not do.
 *
 * @param {any} ort
 * @param {Unfit} why
 */
async function runtimeInstead(ort, why) {
  try {
    return await findRuntime(ort);
  } catch (error) {
    if (!(error instanceof PackageMissingError)) throw error;
    throw new PackageMissingError(`${error.message}. The kernel cannot run ${why.message}`, { cause: error });
  }
}

/**
 * All sessions, or the first error after the others are released.
 *
 * @param {any} ort
 * @param {Model[]} models
 * @param {object} [options]
 */
async function openInRuntime(ort, models, options) {
  const opening = models.map(({ content }) => Session.open(ort, content, options));
  const settled = await Promise.allSettled(opening);
  const at = settled.findIndex(({ status }) => status === "rejected");
  const sessions = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (at < 0) return sessions;
  await Promise.all(sessions.map((session) => session.release()));
  const { reason } = /** @type {PromiseRejectedResult} */ (settled[at]);
  if (reason instanceof PackageMissingError) throw reason;
  const { file, content } = models[at];
  throw new GraphError(
    `${file} (${content.length} bytes) cannot be opened: expected an ONNX graph and, if any, ` +
      `sessionOptions for this ONNX Runtime, which says: ${messageOf(reason)}`,
    { cause: reason },
  );
}

/** One graph, run in here. */
class KernelSession {
  /** @type {"kernel"} */
  engine = "kernel";
  device = "wasm";
  /** @type {Dense | Small | null} */
  #program;

  /**
   * @param {import("./graphproto.js").GraphProto} graph
   * @param {Dense | Small} program
   */
  constructor({ inputs, outputs }, program) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#program = program;
  }

  /**
   * Throws Unfit if it is not for the kernel.
   *
   * @param {Model} model
   */
  static async open({ file, content }) {
    try {
      const kernel = await Kernel.start();
      const graph = readGraph(content);
      const small = graph.inputs[0]?.type === "uint8";
      return new KernelSession(graph, small ? new Small(graph) : new Dense(graph, kernel));
    } catch (error) {
      throw new Unfit(`${file}: ${messageOf(error)}`, { cause: error }); // protobuf's, too
    }
  }

  /**
   * @param {import("./graph.js").Port} _
   * @param {any} value
   * @param {readonly number[]} shape
   */
  async run(_, value, shape) {
    if (this.#program instanceof Small) return this.#program.run(value, shape);
    return /** @type {Dense} */ (this.#program).run(value, shape[0]);
  }

  /** @returns {Promise<void>} */
  async release() {
    this.#program = null;
  }
}
