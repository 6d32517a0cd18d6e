/* The arithmetic of vae.js on rows of numbers, in WebAssembly with SIMD.

   `python -m demo.web.kernel` makes demo/web/vae/binary.js of it; demo/web/vae/dense.js calls it, and
   gives every address: nothing is allocated here, and the stack does not grow with the batch.

   Rows of floats are padded to whole vectors of four. What lies in the padding is never used. */

#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))

enum { ROWS = 16 };  /* of a pass, at most; as dense.js has it */
enum { WIDE = 32 };  /* outputs of a panel of weights; those that are left over come in panels of 4 */

/* Inputs smaller than this add nothing to a sum, as dense.js keeps weights below 2**60. Where the paper of a
   picture is, a sigmoid gives such numbers, and products of them are slow. */
#define NOTHING 7.8886091e-31f

/* An input that is not 0, as most pixels and hidden units are: it alone costs anything. */
typedef struct {
    uint32_t at; /* of its weights in a wide panel, in bytes; in a narrow one an eighth of that */
    union {
        float real;
        uint32_t two; /* of 8 bits, each in 16 */
    } value;
} Input;

static uint32_t counts[ROWS]; /* of such inputs in each row */

/* A wide panel for four rows of hardly any zeros: a weight that is loaded serves all of them. */
static inline void dense_four(
    const float *x, uint32_t x_row, uint32_t inputs, const v128_t *panel, const v128_t *bias, float *y,
    uint32_t y_row)
{
    uint32_t part, i;
    for (part = 0; part < WIDE / 4; part += 2) {
        v128_t a = bias[part], b = bias[part + 1], c = a, d = b, e = a, f = b, g = a, h = b;
        const v128_t *w = panel + part;
        for (i = 0; i < inputs; ++i, w += WIDE / 4) {
            const v128_t x_a = wasm_v128_load32_splat(x + i);
            const v128_t x_c = wasm_v128_load32_splat(x + x_row + i);
            const v128_t x_e = wasm_v128_load32_splat(x + 2 * x_row + i);
            const v128_t x_g = wasm_v128_load32_splat(x + 3 * x_row + i);
            a = wasm_f32x4_add(a, wasm_f32x4_mul(x_a, w[0]));
            b = wasm_f32x4_add(b, wasm_f32x4_mul(x_a, w[1]));
            c = wasm_f32x4_add(c, wasm_f32x4_mul(x_c, w[0]));
            d = wasm_f32x4_add(d, wasm_f32x4_mul(x_c, w[1]));
            e = wasm_f32x4_add(e, wasm_f32x4_mul(x_e, w[0]));
            f = wasm_f32x4_add(f, wasm_f32x4_mul(x_e, w[1]));
            g = wasm_f32x4_add(g, wasm_f32x4_mul(x_g, w[0]));
            h = wasm_f32x4_add(h, wasm_f32x4_mul(x_g, w[1]));
        }
        wasm_v128_store(y + 4 * part, a), wasm_v128_store(y + 4 * part + 4, b);
        wasm_v128_store(y + y_row + 4 * part, c), wasm_v128_store(y + y_row + 4 * part + 4, d);
        wasm_v128_store(y + 2 * y_row + 4 * part, e), wasm_v128_store(y + 2 * y_row + 4 * part + 4, f);
        wasm_v128_store(y + 3 * y_row + 4 * part, g), wasm_v128_store(y + 3 * y_row + 4 * part + 4, h);
    }
}

/* y = weight x + bias, for each row. Weights lie panel after panel, in a panel input after input. */
EXPORT(dense)
void dense(
    uint32_t rows, const float *x, uint32_t x_row, uint32_t inputs, const float *weight,
    const v128_t *bias, uint32_t outputs, float *y, Input *list)
{
    const uint32_t y_row = (outputs + 3) & ~3u;
    uint32_t four[ROWS / 4]; /* whether these rows are done together */
    uint32_t row, i, k, at;
    for (row = 0; row < rows; ++row) {
        Input *const here = list + row * inputs;
        uint32_t count = 0;
        for (i = 0; i < inputs; ++i) {
            const float x_i = x[row * x_row + i];
            here[count].at = i * WIDE * sizeof(float);
            here[count].value.real = x_i;
            count += !(-NOTHING < x_i && x_i < NOTHING);
        }
        counts[row] = count;
    }
    for (row = 0; row < ROWS; row += 4) {
        four[row / 4] = row + 4 <= rows;
        for (i = row; i < row + 4 && i < rows; ++i)
            four[row / 4] &= 4 * counts[i] >= 3 * inputs;
    }
    /* Panels outside, rows inside: a panel is read from memory once for all rows. */
    for (at = 0; at + WIDE <= outputs; at += WIDE, weight += inputs * WIDE, bias += WIDE / 4)
        for (row = 0; row < rows; ++row) {
            const Input *const here = list + row * inputs;
            v128_t *const to = (v128_t *)(y + row * y_row + at);
            v128_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
            v128_t e = bias[4], f = bias[5], g = bias[6], h = bias[7];
            if (four[row / 4]) {
                if (row % 4 == 0)
                    dense_four(
                        x + row * x_row, x_row, inputs, (const v128_t *)weight, bias,
                        y + row * y_row + at, y_row);
                continue;
            }
            for (k = 0; k < counts[row]; ++k) {
                const v128_t *const w = (const v128_t *)((const char *)weight + here[k].at);
                const v128_t x_i = wasm_f32x4_splat(here[k].value.real);
                a = wasm_f32x4_add(a, wasm_f32x4_mul(x_i, w[0]));
                b = wasm_f32x4_add(b, wasm_f32x4_mul(x_i, w[1]));
                c = wasm_f32x4_add(c, wasm_f32x4_mul(x_i, w[2]));
                d = wasm_f32x4_add(d, wasm_f32x4_mul(x_i, w[3]));
                e = wasm_f32x4_add(e, wasm_f32x4_mul(x_i, w[4]));
                f = wasm_f32x4_add(f, wasm_f32x4_mul(x_i, w[5]));
                g = wasm_f32x4_add(g, wasm_f32x4_mul(x_i, w[6]));
                h = wasm_f32x4_add(h, wasm_f32x4_mul(x_i, w[7]));
            }
            to[0] = a, to[1] = b, to[2] = c, to[3] = d;
            to[4] = e, to[5] = f, to[6] = g, to[7] = h;
        }
    for (; at < outputs; at += 4, weight += inputs * 4, bias += 1)
        for (row = 0; row < rows; ++row) {
            const Input *const here = list + row * inputs;
            v128_t a = bias[0], b = wasm_f32x4_const_splat(0.0f);
            for (k = 0; k + 2 <= counts[row]; k += 2) {
                const char *const w = (const char *)weight;
                const v128_t one = wasm_f32x4_splat(here[k].value.real);
                const v128_t other = wasm_f32x4_splat(here[k + 1].value.real);
                a = wasm_f32x4_add(a, wasm_f32x4_mul(one, wasm_v128_load(w + here[k].at / 8)));
                b = wasm_f32x4_add(b, wasm_f32x4_mul(other, wasm_v128_load(w + here[k + 1].at / 8)));
            }
            if (k < counts[row]) {
                const v128_t w = wasm_v128_load((const char *)weight + here[k].at / 8);
                a = wasm_f32x4_add(a, wasm_f32x4_mul(wasm_f32x4_splat(here[k].value.real), w));
            }
            *(v128_t *)(y + row * y_row + at) = wasm_f32x4_add(a, b);
        }
}

#define DOT(sum, w, x) wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(w), x))

/* The same of whole numbers, x in 0..255 and weights in -128..127, two inputs at a time, without a bias:
   MatMulInteger, and the Cast to float that follows it. */
EXPORT(dense_int8)
void dense_int8(
    uint32_t rows, const uint8_t *x, uint32_t x_row, uint32_t pairs, const int8_t *weight,
    uint32_t outputs, float *y, Input *list)
{
    const uint32_t y_row = (outputs + 3) & ~3u;
    const v128_t zero = wasm_i32x4_const_splat(0);
    uint32_t row, i, k, at;
    for (row = 0; row < rows; ++row) {
        Input *const here = list + row * pairs;
        uint32_t count = 0;
        for (i = 0; i < pairs; ++i) {
            const uint8_t *const two = x + row * x_row + 2 * i;
            here[count].at = i * WIDE * 2;
            here[count].value.two = two[0] | (uint32_t)two[1] << 16;
            count += here[count].value.two != 0;
        }
        counts[row] = count;
    }
    for (at = 0; at + WIDE <= outputs; at += WIDE, weight += pairs * WIDE * 2)
        for (row = 0; row < rows; ++row) {
            const Input *const here = list + row * pairs;
            v128_t *const to = (v128_t *)(y + row * y_row + at);
            v128_t a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero;
            for (k = 0; k < counts[row]; ++k) {
                const int8_t *const w = weight + here[k].at;
                const v128_t two = wasm_i32x4_splat((int32_t)here[k].value.two);
                a = DOT(a, w, two);
                b = DOT(b, w + 8, two);
                c = DOT(c, w + 16, two);
                d = DOT(d, w + 24, two);
                e = DOT(e, w + 32, two);
                f = DOT(f, w + 40, two);
                g = DOT(g, w + 48, two);
                h = DOT(h, w + 56, two);
            }
            to[0] = wasm_f32x4_convert_i32x4(a), to[1] = wasm_f32x4_convert_i32x4(b);
            to[2] = wasm_f32x4_convert_i32x4(c), to[3] = wasm_f32x4_convert_i32x4(d);
            to[4] = wasm_f32x4_convert_i32x4(e), to[5] = wasm_f32x4_convert_i32x4(f);
            to[6] = wasm_f32x4_convert_i32x4(g), to[7] = wasm_f32x4_convert_i32x4(h);
        }
    for (; at < outputs; at += 4, weight += pairs * 4 * 2)
        for (row = 0; row < rows; ++row) {
            const Input *const here = list + row * pairs;
            v128_t a = zero;
            for (k = 0; k < counts[row]; ++k)
                a = DOT(a, weight + here[k].at / 8, wasm_i32x4_splat((int32_t)here[k].value.two));
            *(v128_t *)(y + row * y_row + at) = wasm_f32x4_convert_i32x4(a);
        }
}

/* QuantizeLinear to 0..255: ties go to the even number. `vectors` of four. */
EXPORT(quantize)
void quantize(const v128_t *x, uint32_t vectors, float scale, uint32_t *y)
{
    uint32_t i;
    for (i = 0; i < vectors; ++i) {
        const v128_t steps = wasm_f32x4_nearest(wasm_f32x4_div(x[i], wasm_f32x4_splat(scale)));
        const v128_t whole = wasm_i32x4_trunc_sat_f32x4(steps);
        const v128_t narrow = wasm_i16x8_narrow_i32x4(whole, whole);
        wasm_v128_store32_lane(y + i, wasm_u8x16_narrow_i16x8(narrow, narrow), 0);
    }
}

/* The largest number of each row, which takes one vector in y. */
EXPORT(reduce_max)
void reduce_max(uint32_t rows, const float *x, uint32_t x_row, uint32_t size, float *y)
{
    uint32_t row, i;
    for (row = 0; row < rows; ++row, x += x_row) {
        float largest = x[0];
        for (i = 1; i < size; ++i)
            largest = x[i] > largest ? x[i] : largest;
        y[4 * row] = largest;
    }
}

static inline v128_t power(v128_t whole)
{
    return wasm_i32x4_shl(wasm_i32x4_add(whole, wasm_i32x4_const_splat(127)), 23);
}

/* exp(x) = 2**n * exp(r), |r| <= ln(2) / 2, by the polynomial of Cephes; inf and 0 beyond what floats hold. */
static inline v128_t exponential(v128_t x)
{
    const v128_t low = wasm_f32x4_const_splat(-104.0f), high = wasm_f32x4_const_splat(89.0f);
    const v128_t in = wasm_f32x4_min(wasm_f32x4_max(x, low), high);
    const v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(in, wasm_f32x4_const_splat(1.44269504f)));
    const v128_t most = wasm_f32x4_mul(n, wasm_f32x4_const_splat(0.693359375f));
    const v128_t rest = wasm_f32x4_mul(n, wasm_f32x4_const_splat(-2.12194440e-4f));
    const v128_t r = wasm_f32x4_sub(wasm_f32x4_sub(in, most), rest);
    const v128_t whole = wasm_i32x4_trunc_sat_f32x4(n), half = wasm_i32x4_shr(whole, 1);
    v128_t p = wasm_f32x4_const_splat(1.9875691500e-4f);
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_const_splat(1.3981999507e-3f));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_const_splat(8.3334519073e-3f));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_const_splat(4.1665795894e-2f));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_const_splat(1.6666665459e-1f));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_const_splat(5.0000001201e-1f));
    p = wasm_f32x4_add(wasm_f32x4_mul(wasm_f32x4_mul(p, r), r), r);
    p = wasm_f32x4_add(p, wasm_f32x4_const_splat(1.0f));
    return wasm_f32x4_mul(wasm_f32x4_mul(p, power(half)), power(wasm_i32x4_sub(whole, half)));
}

static inline v128_t reciprocal(v128_t x)
{
    return wasm_f32x4_div(wasm_f32x4_const_splat(1.0f), x);
}

/* tanh(x) = 1 - 2 / (exp(2 |x|) + 1), with the sign of x. */
static inline v128_t hyperbolic(v128_t x)
{
    const v128_t one = wasm_f32x4_const_splat(1.0f), size = wasm_f32x4_abs(x);
    const v128_t e = exponential(wasm_f32x4_add(size, size));
    const v128_t part = reciprocal(wasm_f32x4_add(e, one));
    const v128_t result = wasm_f32x4_sub(one, wasm_f32x4_add(part, part));
    return wasm_v128_bitselect(x, result, wasm_f32x4_const_splat(-0.0f));
}

static inline v128_t sigmoid(v128_t x)
{
    const v128_t e = exponential(wasm_f32x4_neg(x));
    return reciprocal(wasm_f32x4_add(wasm_f32x4_const_splat(1.0f), e));
}

#define EACH(name, result)                                                                    \
    EXPORT(name)                                                                              \
    void each_##name(const v128_t *x, uint32_t vectors, v128_t *y)                            \
    {                                                                                         \
        uint32_t i;                                                                           \
        for (i = 0; i < vectors; ++i)                                                         \
            y[i] = result(x[i]);                                                              \
    }
#define POSITIVE(x) wasm_f32x4_max(x, wasm_f32x4_const_splat(0.0f))

EACH(relu, POSITIVE)
EACH(exp, exponential)
EACH(neg, wasm_f32x4_neg)
EACH(reciprocal, reciprocal)
EACH(sigmoid, sigmoid)
EACH(tanh, hyperbolic)

/* Of two operands each has its bytes from row to row, and from vector to vector: 16, or 0 where there is one
   number for all. */
#define PAIRWISE(name, result)                                                                \
    EXPORT(name)                                                                              \
    void pair_##name(                                                                         \
        uint32_t rows, uint32_t vectors, const char *a, uint32_t a_row, uint32_t a_step,      \
        const char *b, uint32_t b_row, uint32_t b_step, v128_t *y)                            \
    {                                                                                         \
        uint32_t row, i;                                                                      \
        for (row = 0; row < rows; ++row, a += a_row, b += b_row)                              \
            for (i = 0; i < vectors; ++i, ++y) {                                              \
                const v128_t one = a_step ? wasm_v128_load(a + i * a_step)                    \
                                          : wasm_v128_load32_splat(a);                        \
                const v128_t other = b_step ? wasm_v128_load(b + i * b_step)                  \
                                            : wasm_v128_load32_splat(b);                      \
                *y = result(one, other);                                                      \
            }                                                                                 \
    }

PAIRWISE(add, wasm_f32x4_add)
PAIRWISE(sub, wasm_f32x4_sub)
PAIRWISE(mul, wasm_f32x4_mul)
PAIRWISE(div, wasm_f32x4_div)
PAIRWISE(max, wasm_f32x4_max)
PAIRWISE(min, wasm_f32x4_min)
