"""The C of a header, where name_ and NAME_ stand for the prefix of the model."""

from typing import Final

DECLARATIONS: Final = """\
/* {encode_is} */
static inline void name_encode(
    const float x[NAME_PIXELS], {code_parameters});

/* z -> x_recon in [0, 1], the means of p(x | z). */
static inline void name_decode(const float z[NAME_LATENT_DIM], float x_recon[NAME_PIXELS]);

/* x -> {through} -> x_recon; the two may be the same buffer. */
static inline void name_reconstruct(const float x[NAME_PIXELS], float x_recon[NAME_PIXELS]);
"""


AFFINE: Final = """\
/* y = weight x + bias. The weights lie input after input, so that an input of 0, as most pixels and
   hidden units are, costs nothing. */
static inline void name_affine(
    const float *x, int inputs, const float *weight, const float *bias, int outputs, float *y)
{
    int i, j;
    for (j = 0; j < outputs; ++j)
        y[j] = bias[j];
    for (i = 0; i < inputs; ++i, weight += outputs) {
        const float x_i = x[i];
        if (x_i == 0.0f)
            continue;
        for (j = 0; j < outputs; ++j)
            y[j] += x_i * weight[j];
    }
}
"""


AFFINE_INT8: Final = """\
/* The same with weights of 8 bits, to be multiplied by a scale for each output. */
static inline void name_affine_int8(
    const float *x, int inputs, const signed char *weight, const float *scale, const float *bias,
    int outputs, float *y)
{
    int i, j;
    for (j = 0; j < outputs; ++j)
        y[j] = 0.0f;
    for (i = 0; i < inputs; ++i, weight += outputs) {
        const float x_i = x[i];
        if (x_i == 0.0f)
            continue;
        for (j = 0; j < outputs; ++j)
            y[j] += x_i * weight[j];
    }
    for (j = 0; j < outputs; ++j)
        y[j] = scale[j] * y[j] + bias[j];
}
"""


RELU: Final = """\
static inline void name_relu(float *h, int units)
{
    int j;
    for (j = 0; j < units; ++j)
        if (h[j] < 0.0f)
            h[j] = 0.0f;
}
"""

SIGMOID: Final = """\
/* 1 / (1 + exp(-logit)) without an exp that overflows, so that -ffast-math does no harm. */
static inline float name_sigmoid(float logit)
{
    const float e = expf(-fabsf(logit));
    return (logit < 0.0f ? e : 1.0f) / (1.0f + e);
}
"""

# Of each activation but ReLU: the number that h[j] becomes.
EACH: Final = {
    "sigmoid": "name_sigmoid(h[j])",
    "silu": "h[j] * name_sigmoid(h[j])",
    "tanh": "tanhf(h[j])",
}

ACTIVATE: Final = """\
static inline void name_{activation}{s}(float *h, int units)
{{
    int j;
    for (j = 0; j < units; ++j)
        h[j] = {each};
}}
"""

DEFINITIONS: Final = """\
static inline void name_encode(
    const float x[NAME_PIXELS], {code_parameters})
{{
{encoder}
}}

static inline void name_decode(const float z[NAME_LATENT_DIM], float x_recon[NAME_PIXELS])
{{
{decoder}
}}

static inline void name_reconstruct(const float x[NAME_PIXELS], float x_recon[NAME_PIXELS])
{{
    float {code_buffers};
    name_encode(x, {codes});
    name_decode({through}, x_recon);
}}
"""
