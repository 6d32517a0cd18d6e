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

/** "kernel", WebAssembly in `vae.js` itself, for models of dense layers; "onnxruntime" for all. */
export type Engine = "kernel" | "onnxruntime";

export interface RuntimeOptions {
  /**
   * What runs the graphs. By default the kernel, if it knows them, WebAssembly has SIMD and there are no
   * `sessionOptions`; else ONNX Runtime.
   */
  engine?: Engine;
  /**
   * onnxruntime-web or onnxruntime-node, or a function that gives it, which is called only where it is
   * needed: `() => import("./runtime.js")`. By default the one that is installed is imported then.
   */
  ort?: Ort | (() => Ort | Promise<Ort>);
  /** For `InferenceSession.create`, e.g. `{ executionProviders: ["webgpu"] }`. */
  sessionOptions?: object;
}

/** Of a model's graphs: "int8" is `encoder.int8.onnx` and `decoder.int8.onnx`. */
export type Precision = "float32" | "float16" | "int8";

export interface LoadOptions extends RuntimeOptions {
  /** Which of the folder's graphs, "float32" by default. */
  precision?: Precision;
}

export interface DrawingOptions extends RuntimeOptions {
  /** `drawing.onnx`; by default `models/drawing.onnx` beside `vae.js`. */
  file?: string | URL;
}

/** An AE's code of n images: n * latentDim numbers. */
export interface Code {
  z: Float32Array;
  /** Of the batch: [n, latentDim], or [n, channels, height, width] of a map of codes. */
  shape: readonly number[];
}

/** A VAE's q(z | x) of n images: n * latentDim numbers each. */
export interface Posterior extends Code {
  /** The mean; `z` is the same array. */
  mu: Float32Array;
  /** The natural log of the variance. */
  logVar: Float32Array;
}

/**
 * A picture, row by row, the numbers of a pixel side by side: as many as the model has channels, or RGBA
 * for a model of three. Bytes in 0..255, or floats in [0, 1]. An ImageData is one.
 */
export interface Pixels {
  readonly data: Uint8ClampedArray | Uint8Array | Float32Array;
  readonly width: number;
  readonly height: number;
}

/** n images in [0, 1], [channels][height][width] numbers each; or one picture, or some of one size. */
export type Images = Float32Array | Pixels | readonly Pixels[];

/** RGBA for a canvas: an ImageData where there is such a thing. */
export type CanvasPicture = typeof globalThis extends {
  ImageData: new (...args: never[]) => infer Image;
}
  ? Image
  : { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number };

interface Model {
  /** Numbers of a code; throws InputError where they grow with the picture. */
  readonly latentDim: number;
  /** Of one code: [latentDim], or [channels, height, width] of a map; -1 follows from the picture. */
  readonly latentShape: readonly number[];
  /** Whose code runs it. */
  readonly engine: Engine;
  /**
   * What runs it: "wasm" for the kernel; of ONNX Runtime "webgpu", or what else was asked for, and "wasm"
   * ("cpu" in Node) once that failed.
   */
  readonly device: string;
  /** -1 is any size that `sizeMultiple` divides. */
  readonly imageShape: readonly [channels: number, height: number, width: number];
  /** What height and width must be multiples of where they are open; 1 if the graph states none. */
  readonly sizeMultiple: number;
  /** What both graphs say of themselves: name, dataset, class_names, ... */
  readonly metadata: Readonly<Record<string, string>>;

  /** Decode n codes to pictures in [0, 1]; with the `shape` of the code where sizes are open. */
  decode(z: Float32Array, shape?: readonly number[]): Promise<Float32Array>;
  /** Decode n codes to pictures for a canvas. */
  decodeToPictures(z: Float32Array, shape?: readonly number[]): Promise<CanvasPicture[]>;
  /** Encode and decode n images in [0, 1]; a VAE's code is its mean. */
  reconstruct(x: Float32Array, shape?: readonly number[]): Promise<Float32Array>;
  /** Encode and decode one picture. */
  reconstruct(picture: Pixels): Promise<CanvasPicture>;
  /** Encode and decode pictures of one size. */
  reconstruct(pictures: readonly Pixels[]): Promise<CanvasPicture[]>;
  /** Decode the line between the codes of two images: steps pictures, at least 2. */
  interpolate(
    a: Float32Array,
    b: Float32Array,
    steps: number,
    shape?: readonly number[],
  ): Promise<Float32Array>;
  /** Decode the line between the codes of two pictures of one size. */
  interpolate(a: Pixels, b: Pixels, steps: number): Promise<CanvasPicture[]>;
  /** Decode n draws of z ~ N(0, I), `standardNormal(n * latentDim, seed)`, or of where the codes lie. */
  sample(n: number, seed: number): Promise<Float32Array>;
  /** Give the memory of the graphs back. */
  close(): Promise<void>;
}

export interface VariationalAutoencoder extends Model {
  readonly kind: "vae";
  /** Encode n images; with their `shape` where they are numbers and sizes are open. */
  encode(x: Images, shape?: readonly number[]): Promise<Posterior>;
}

export interface PlainAutoencoder extends Model {
  readonly kind: "ae";
  /** Encode n images; with their `shape` where they are numbers and sizes are open. */
  encode(x: Images, shape?: readonly number[]): Promise<Code>;
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

/** The brightness of a picture, for a model of grey ones. Nothing is inverted, centred or scaled. */
export function pictureToGrey(picture: Picture): { data: Uint8Array; width: number; height: number };

/**
 * Make pictures for a canvas of n pictures in [0, 1] of 1, 3 or 4 channels.
 *
 * @param shape [n, channels, height, width], or the `imageShape` of a model.
 */
export function toPictures(x: Float32Array, shape: readonly number[]): CanvasPicture[];

/** Codes on the straight line from one code to another: steps of them, both ends included. */
export function interpolate(zA: Float32Array, zB: Float32Array, steps: number): Float32Array;

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
/** An onnxruntime package is needed and not found, or one lacks a file of its own. */
export class PackageMissingError extends VaeError {}
