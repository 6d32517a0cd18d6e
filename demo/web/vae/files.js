// @ts-check
// Files of the system, and of servers.

import { FileAccessError, FileMissingError, messageOf } from "./errors.js";

/**
 * Node's own reader, where there is one. Not an import: browsers and bundlers know no `node:`.
 *
 * @returns {any}
 */
export function nodeFiles() {
  return /** @type {any} */ (globalThis).process?.getBuiltinModule?.("node:fs/promises");
}

/**
 * @param {string} file
 * @returns {Promise<Uint8Array>}
 */
export async function readFile(file) {
  const files = nodeFiles();
  if (files === undefined || /^(https?|data|blob):/.test(file)) return fetchFile(file);
  try {
    return new Uint8Array(await files.readFile(file.startsWith("file:") ? new URL(file) : file));
  } catch (error) {
    throw /** @type {any} */ (error).code === "ENOENT"
      ? new FileMissingError(`${file} is missing; \`python -m export onnx\` writes it`)
      : new FileAccessError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * @param {string} url
 * @returns {Promise<Uint8Array>}
 */
async function fetchFile(url) {
  let response;
  try {
    response = await fetch(url);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new FileAccessError(
      `${url} cannot be fetched (${messageOf(error)}); see to the network, and to CORS where it is ` +
        "on another server",
      { cause: error },
    );
  }
  const told = `the server answers ${response.status} ${response.statusText}`.trimEnd();
  throw response.status === 404 || response.status === 410
    ? new FileMissingError(`${response.url} is missing (${told}); put the model's folder there`)
    : new FileAccessError(`${response.url} cannot be read: ${told}`);
}
