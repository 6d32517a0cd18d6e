// @ts-check
// What stands in an ONNX file beside the graph, and what lies there in the place of one.

import { fields } from "./protobuf.js";

const IR_VERSION = 8; // the tag of field 1, a varint: what writers begin with

/** @type {[kind: string, remedy: string, pattern: RegExp][]} */
const KINDS = [
  ["empty", "copy it there again", /^$/],
  [
    "a Git LFS pointer, which stands for the file",
    "`git lfs pull` in the repository that it is from fetches the file itself",
    /^version https:\/\/git-lfs/,
  ],
  [
    "an HTML page, which servers give in the place of a file that they do not have",
    "put the model's folder where files are served as they are (`public/` in Vite), or correct the URL",
    /^(\u00ef\u00bb\u00bf)?\s*<(!doctype|html|head|body|\?xml|!--)/i,
  ],
  ["packed by gzip", "unpack it, or let the server say `Content-Encoding: gzip`", /^\u001f\u008b/],
  ["a zip archive", "unpack it", /^PK\u0003\u0004/],
];

/**
 * The metadata_props of an ONNX file, which onnxruntime's JavaScript does not give.
 *
 * @param {Uint8Array} model A complete ONNX file: a protobuf message, with the pairs in field 14.
 * @returns {Record<string, string>}
 */
export function readMetadata(model) {
  const text = new TextDecoder();
  const pairs = [...fields(model)].filter(([field]) => field === 14);
  return Object.fromEntries(
    pairs.map(([, pair]) => {
      const entry = new Map(fields(/** @type {any} */ (pair))); // 1 is the key, 2 the value
      return [1, 2].map((field) => text.decode(/** @type {any} */ (entry.get(field))));
    }),
  );
}

/**
 * What bytes are that are no complete ONNX file, and what to do about it; null for one that may be.
 *
 * @param {Uint8Array} content
 * @returns {string | null}
 */
export function notOnnx(content) {
  const start = String.fromCharCode(...content.subarray(0, 200));
  const [kind, remedy] = KINDS.find(([, , pattern]) => pattern.test(start)) ?? [];
  if (kind) return `is ${kind}; ${remedy}`;
  if (/^[\t\n\r -~]+$/.test(start)) return `is text: ${JSON.stringify(start.slice(0, 40))}...`;
  try {
    Array.from(fields(content));
  } catch (error) {
    const cut = error instanceof RangeError && content[0] === IR_VERSION;
    return cut ? "ends too soon; copy it there again, whole" : "is another kind of file";
  }
  return null;
}
