// @ts-check
// Which ONNX Runtime runs the graphs.

import { typeName } from "./checks.js";
import { InputTypeError, PackageMissingError, messageOf } from "./errors.js";
import { nodeFiles } from "./files.js";

/**
 * The module that was given, or is given once it is asked for, or the one that is installed.
 *
 * @param {any} given
 * @returns {Promise<any>}
 */
export async function findRuntime(given) {
  if (typeof given === "function") return checkRuntime(await given());
  if (given !== undefined) return checkRuntime(given);
  const name = nodeFiles() ? "onnxruntime-node" : "onnxruntime-web";
  let found;
  try {
    // Not a literal: a bundler would want both packages. Who bundles imports one and passes it.
    found = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch (error) {
    throw new PackageMissingError(
      `${name} cannot be imported (${messageOf(error)}); install it, name it in an import map, or ` +
        `pass the module: load(folder, { ort })`,
      { cause: error },
    );
  }
  return checkRuntime(found);
}

/** @param {any} module */
export function checkRuntime(module) {
  const ort = module?.InferenceSession ? module : module?.default;
  if (ort?.InferenceSession && ort?.Tensor) return ort;
  throw new InputTypeError(
    `ort must be the module onnxruntime-web or onnxruntime-node, got ${typeName(module)}`,
  );
}
