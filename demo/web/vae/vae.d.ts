/**
 * Types of `vae.js`, which documents what each part does.
 *
 * Batches lie row after row in one Float32Array; ink is 1, paper is 0.
 */

/** The part of onnxruntime-web and onnxruntime-node that is used. */
export interface Ort {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: object): Promise<unknown>;
  };
  readonly Tensor: new (...args: never[]) => unknown;
}

export interface RuntimeOptions {
  /** onnxruntime-web or onnxruntime-node; by default the one that is installed is imported. */
  ort?: Ort;
  /** For `InferenceSession.create`, e.g. `{ executionProviders: ["webgpu"] }`. */
  sessionOptions?: object;
}

export type LoadOptions = RuntimeOptions;

export interface DrawingOptions extends RuntimeOptions {
  /** `drawing.onnx`; by default `models/drawing.onnx` beside `vae.js`. */
  file?: string | URL;
}

/** An AE's code of n images: n * latentDim numbers. */
export interface Code {
  z: Float32Array;
}

/** A VAE's q(z | x) of n images: n * latentDim numbers each. */
export interface Posterior extends Code {
  /** The mean; `z` is the same array. */
  mu: Float32Array;
  /** The natural log of the variance. */
  logVar: Float32Array;
}

interface Model {
  /** Numbers of a code. */
  readonly latentDim: number;
  /** What runs it: "webgpu", or what else was asked for; "wasm" ("cpu" in Node) once that failed. */
  readonly device: string;
  readonly imageShape: readonly [channels: number, height: number, width: number];
  /** What both graphs say of themselves: name, dataset, class_names, ... */
  readonly metadata: Readonly<Record<string, string>>;

  /** Decode n codes to pictures in [0, 1]. */
  decode(z: Float32Array): Promise<Float32Array>;
  /** Encode and decode n images in [0, 1]; a VAE's code is its mean. */
  reconstruct(x: Float32Array): Promise<Float32Array>;
  /** Decode n draws of z ~ N(0, I): `decode(standardNormal(n * latentDim, seed))`. */
  sample(n: number, seed: number): Promise<Float32Array>;
  /** Give the memory of the graphs back. */
  close(): Promise<void>;
}

export interface VariationalAutoencoder extends Model {
  readonly kind: "vae";
  /** Encode n images in [0, 1]. */
  encode(x: Float32Array): Promise<Posterior>;
}

export interface PlainAutoencoder extends Model {
  readonly kind: "ae";
  /** Encode n images in [0, 1]. */
  encode(x: Float32Array): Promise<Code>;
}

/** A trained VAE or AE: `kind` tells which. */
export type Autoencoder = VariationalAutoencoder | PlainAutoencoder;

/** Open the model in a folder (URL; in Node a path, too) with encoder.onnx and decoder.onnx. */
export function load(folder: string | URL, options?: LoadOptions): Promise<Autoencoder>;

/** Centre and scale a drawing, height * width bytes of ink, as MNIST's digits are. */
export function drawingToX(
  ink: Uint8Array | Uint8ClampedArray,
  height: number,
  width: number,
  options?: DrawingOptions,
): Promise<Float32Array>;

/** RGBA of 8 bits, row by row: an ImageData, or what pngjs reads. */
export interface Picture {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface PictureOptions {
  /** It comes from a file without loss (PNG, GIF, BMP): a clean drawing is left as it is. */
  lossless?: boolean;
}

/** height * width bytes of ink, 255 on paper 0. */
export interface Ink {
  ink: Uint8Array;
  height: number;
  width: number;
}

/** Find the ink of a picture, a photograph too, for `drawingToX`. Large ones are reduced. */
export function pictureToInk(picture: Picture, options?: PictureOptions): Ink;

/** Draw from N(0, 1): the same numbers for the same seed. */
export function standardNormal(count: number, seed: number): Float32Array;

/** Base of the errors below. The message says what was expected, what came, and the remedy. */
export class VaeError extends Error {}
/** A value's length, range or size is another one than can be taken. */
export class InputError extends VaeError {}
/** A value is of another type than the one that is taken. */
export class InputTypeError extends VaeError {}
/** There is no such file. */
export class FileMissingError extends VaeError {}
/** A file cannot be read. */
export class FileAccessError extends VaeError {}
/** A file is not an ONNX graph of the shape that this module runs. */
export class GraphError extends VaeError {}
/** No onnxruntime package is found, or one lacks a file of its own. */
export class PackageMissingError extends VaeError {}
