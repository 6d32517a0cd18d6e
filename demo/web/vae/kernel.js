// @ts-check
// The kernel: what demo/web/kernel/kernel.c does, on memory that is laid out here.

import { KERNEL } from "./binary.js";
import { messageOf } from "./errors.js";
import { Unfit } from "./graphproto.js";

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiling; // once for all graphs

/**
 * Memory, and functions on numbers in it. What is placed there stays; `settle` ends the placing.
 */
export class Kernel {
  /** @type {any} */
  #exports;
  /** @type {number} */
  #end;
  /** @type {[address: number, numbers: Float32Array | Int8Array][]} */
  #placed = [];

  /** @param {WebAssembly.Instance} instance */
  constructor(instance) {
    this.#exports = instance.exports;
    this.#end = 16 * Math.ceil(this.#exports.__heap_base.value / 16);
  }

  /**
   * Start one; throws Unfit where it does not run.
   *
   * @returns {Promise<Kernel>}
   */
  static async start() {
    const binary = Uint8Array.from(atob(KERNEL), (character) => character.charCodeAt(0));
    if (!globalThis.WebAssembly?.validate(binary)) throw new Unfit("there is no WebAssembly with SIMD here");
    try {
      compiling ??= WebAssembly.compile(binary);
      return new Kernel(await WebAssembly.instantiate(await compiling));
    } catch (error) {
      compiling = undefined;
      throw new Unfit(`WebAssembly does not start here (${messageOf(error)})`);
    }
  }

  /** The functions of kernel.c by name: addresses and sizes go in. */
  get functions() {
    return this.#exports;
  }

  /**
   * Set some bytes aside, from a multiple of 16 on.
   *
   * @param {number} bytes
   */
  reserve(bytes) {
    const address = this.#end;
    this.#end += 16 * Math.ceil(bytes / 16);
    return address;
  }

  /**
   * @param {Float32Array | Int8Array} numbers
   * @returns {number} Their address.
   */
  place(numbers) {
    const address = this.reserve(numbers.byteLength);
    this.#placed.push([address, numbers]);
    return address;
  }

  /**
   * Make all that was asked for; the memory is not larger later.
   *
   * @returns {Float32Array} It, as floats.
   */
  settle() {
    const { memory } = this.#exports;
    const missing = Math.ceil((this.#end - memory.buffer.byteLength) / 2 ** 16);
    try {
      if (missing > 0) memory.grow(missing);
    } catch (error) {
      throw new Unfit(`there are no ${this.#end} bytes of memory (${messageOf(error)})`);
    }
    for (const [address, numbers] of this.#placed) {
      const List = numbers instanceof Int8Array ? Int8Array : Float32Array;
      new List(memory.buffer, address, numbers.length).set(numbers);
    }
    this.#placed = [];
    return new Float32Array(memory.buffer);
  }
}
