// @ts-check
// Draws from N(0, 1) that are the same on every host.

import { checkInteger } from "./checks.js";

/**
 * Draw from N(0, 1), the same numbers for the same seed on every host (up to the last digit, which
 * is the host's `Math.log`, `Math.cos` and `Math.sin`).
 *
 * The generator is xoshiro128** (Blackman & Vigna 2018), its state two outputs of splitmix32
 * (MurmurHash3's finaliser over steps of 0x9e3779b9) from the low 32 bits of the seed and two from
 * the others xor 0x5bd1e995. Two of its numbers u, v in (0, 1] make two draws by Box and
 * Muller's r * cos(t), r * sin(t) with r = sqrt(-2 log u), t = 2 pi v. It is no numpy generator: the
 * draws of `np.random.default_rng(seed)` are others.
 *
 * @param {number} count How many, at least 0.
 * @param {number} seed An integer from 0 to 2 ** 53 - 1.
 * @returns {Float32Array} count draws.
 * @throws {InputError} count or seed is no such integer.
 */
export function standardNormal(count, seed) {
  checkInteger("count", count, 0);
  checkInteger("seed", seed, 0);
  const uniform = xoshiro128(seed);
  const draws = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const r = Math.sqrt(-2 * Math.log(uniform()));
    const t = 2 * Math.PI * uniform();
    draws[i] = r * Math.cos(t);
    if (i + 1 < count) draws[i + 1] = r * Math.sin(t);
  }
  return draws;
}

/**
 * @param {number} seed
 * @returns {() => number} Numbers in (0, 1], a multiple of 2 ** -32 each.
 */
function xoshiro128(seed) {
  const low = splitmix32(seed % 2 ** 32);
  const high = splitmix32(Math.floor(seed / 2 ** 32) ^ 0x5bd1e995);
  const s = [low(), low(), high(), high()];
  /** @type {(x: number, k: number) => number} */
  const rotate = (x, k) => (x << k) | (x >>> (32 - k));
  return () => {
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9);
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return ((result >>> 0) + 1) / 2 ** 32;
  };
}

/**
 * @param {number} state
 * @returns {() => number}
 */
function splitmix32(state) {
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
}

