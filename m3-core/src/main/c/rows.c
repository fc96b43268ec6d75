/* What rows go through before they are multiplied: norms, gates and activations, in float32. */
#include "kernels.h"

/* x times the logistic function of `by` x */
static inline __m512 swish(__m512 x, float by) {
    __m512 below = exponential(_mm512_mul_ps(x, _mm512_set1_ps(-by)));
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.f), below));
}

/* 1 + erf(x), to some 3e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, off by 1.5e-7 at most */
static inline __m512 one_and_erf(__m512 x) {
    __m512 amount = _mm512_abs_ps(x);
    __m512 t = _mm512_div_ps(_mm512_set1_ps(1.f), _mm512_fmadd_ps(amount, _mm512_set1_ps(0.3275911f), _mm512_set1_ps(1.f)));
    __m512 y = _mm512_set1_ps(1.061405429f);
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-1.453152027f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(1.421413741f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(-0.284496736f));
    y = _mm512_fmadd_ps(y, t, _mm512_set1_ps(0.254829592f));
    /* 1 - erf of the amount */
    y = _mm512_mul_ps(_mm512_mul_ps(y, t), exponential(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(x, x))));
    __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_mov_ps(_mm512_sub_ps(_mm512_set1_ps(2.f), y), below, y);
}

static inline __m512 gelu(__m512 x) {
    __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
    return _mm512_mul_ps(half, one_and_erf(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678f))));
}

/* x (1 + tanh(u)) / 2 = x times the logistic function of 2u, u = sqrt(2 / pi) (x + 0.044715 x^3) */
static inline __m512 gelu_tanh(__m512 x) {
    __m512 cube = _mm512_mul_ps(_mm512_mul_ps(x, x), x);
    __m512 u = _mm512_fmadd_ps(cube, _mm512_set1_ps(0.044715f), x);
    __m512 below = exponential(_mm512_mul_ps(u, _mm512_set1_ps(-1.59576912f)));
    return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.f), below));
}

/* The mean of a row, or of the squares of its distances from `centre` */
static float mean(const uint16_t *from, int64_t inputs, float centre, int squares) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t k = 0; k < inputs; k += 16) {
        __mmask16 mask = first(inputs - k);
        __m512 v = _mm512_maskz_sub_ps(mask, load16(from + k, mask), _mm512_set1_ps(centre));
        sum = squares ? _mm512_fmadd_ps(v, v, sum) : _mm512_add_ps(sum, v);
    }
    return _mm512_reduce_add_ps(sum) / (float) inputs;
}

float prepare_row(const input_t *input, int64_t row, float *to) {
    const uint16_t *from = row_of(&input->x, row);
    int64_t inputs = input->inputs;
    int64_t padded = up(inputs, GROUP);
    int normed = input->kind == RMS_NORM || input->kind == LAYER_NORM;
    float centre = input->kind == LAYER_NORM ? mean(from, inputs, 0.f, 0) : 0.f;
    float scale = normed ? 1.f / __builtin_sqrtf(mean(from, inputs, centre, 1) + input->epsilon) : 1.f;
    __m512 top = _mm512_setzero_ps();
    __mmask16 none = 0;
    for (int64_t k = 0; k < padded; k += 16) {
        __mmask16 mask = first(inputs - k);
        __m512 v = load16(from + k, mask);
        switch (input->kind) {
        case RMS_NORM:
            v = _mm512_mul_ps(_mm512_mul_ps(v, _mm512_set1_ps(scale)), load16(input->norm + k, mask));
            break;
        case LAYER_NORM:
            v = _mm512_mul_ps(_mm512_sub_ps(v, _mm512_set1_ps(centre)), _mm512_set1_ps(scale));
            v = _mm512_fmadd_ps(v, load16(input->norm + k, mask), load16(input->norm_bias + k, mask));
            break;
        case SILU_GATE:
            v = _mm512_mul_ps(swish(v, 1.f), load16(from + inputs + k, mask));
            break;
        case QUICK_GELU:
            v = swish(v, 1.702f);
            break;
        case GELU:
            v = gelu(v);
            break;
        case GELU_TANH:
            v = gelu_tanh(v);
            break;
        case RELU:
            v = _mm512_max_ps(_mm512_setzero_ps(), v); /* of a number that is none, the second operand is the result */
            break;
        case SILU:
            v = swish(v, 1.f);
            break;
        default:
            break;
        }
        _mm512_storeu_ps(to + k, v);
        none |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        top = _mm512_max_ps(top, _mm512_abs_ps(v));
    }
    return none ? __builtin_nanf("") : _mm512_reduce_max_ps(top);
}
