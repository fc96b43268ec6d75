/* Rows of activations in 8 bits. */
#include "kernels.h"

/* In fours, of a pair of rows */
static int64_t stride_of(int64_t inputs) {
    return up(inputs, GROUP) / 2 + 16;
}

int64_t quantised_bytes(int64_t rows, int64_t inputs) {
    int64_t groups = up(inputs, GROUP) / GROUP;
    return (rows + 1) / 2 * 4 * stride_of(inputs) + rows * 4 * (1 + groups) + 64;
}

void quantised_at(quantised_t *q, void *memory, int64_t rows, int64_t inputs) {
    q->stride = stride_of(inputs);
    q->levels = (int32_t *) (((uintptr_t) memory + 63) & ~(uintptr_t) 63);
    q->steps = (float *) (q->levels + (rows + 1) / 2 * q->stride);
    q->sums = (int32_t *) (q->steps + rows);
}

/* The numbers of a row in float32, K rounded up to 32 of them: those beyond K are zero. The greatest of their amounts, or one that is none
 */
static float prepare(const input_t *input, int64_t row, float *to) {
    const uint16_t *from = row_of(&input->x, row);
    int64_t inputs = input->inputs;
    int64_t padded = up(inputs, GROUP);
    __m512 scale = _mm512_set1_ps(1.f);
    if (input->kind == RMS_NORM) {
        __m512 squares = _mm512_setzero_ps();
        for (int64_t k = 0; k < inputs; k += 16) {
            __m512 v = load16(from + k, first(inputs - k));
            squares = _mm512_fmadd_ps(v, v, squares);
        }
        __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(squares) / (float) inputs + input->epsilon);
        scale = _mm512_div_ps(_mm512_set1_ps(1.f), _mm512_sqrt_ps(mean));
    }
    __m512 top = _mm512_setzero_ps();
    __mmask16 none = 0;
    for (int64_t k = 0; k < padded; k += 16) {
        __mmask16 mask = first(inputs - k);
        __m512 v = load16(from + k, mask);
        if (input->kind == RMS_NORM) {
            v = _mm512_mul_ps(_mm512_mul_ps(v, scale), load16(input->norm + k, mask));
        } else if (input->kind == SILU_GATE) {
            __m512 gate = _mm512_div_ps(v, _mm512_add_ps(_mm512_set1_ps(1.f), exponential(_mm512_sub_ps(_mm512_setzero_ps(), v))));
            v = _mm512_mul_ps(gate, load16(from + inputs + k, mask));
        }
        _mm512_storeu_ps(to + k, v);
        none |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        top = _mm512_max_ps(top, _mm512_abs_ps(v));
    }
    return none ? __builtin_nanf("") : _mm512_reduce_max_ps(top);
}

/* A row of zeros has the step 0. One with a number that is none has a step that is none, and so have its results. */
void quantise_row(quantised_t *q, int64_t row, const input_t *input, float *work, int groups) {
    float greatest = prepare(input, row, work);
    float step = greatest / 127.f;
    q->steps[row] = step;
    __m512 inverse = _mm512_set1_ps(greatest > 1e-30f && greatest <= __FLT_MAX__ ? 127.f / greatest : 0.f);
    int64_t padded = up(input->inputs, GROUP);
    int32_t *to = (int32_t *) pair(q, row) + row % 2;
    /* In 4 bits of each eight inputs the even ones, then the odd ones. */
    const __m128i apart = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    __m512i sum = _mm512_setzero_si512();
    for (int64_t k = 0; k < padded; k += GROUP) {
        __m512i low = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(work + k), inverse));
        __m512i high = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(work + k + 16), inverse));
        __m128i front = _mm512_cvtsepi32_epi8(low);
        __m128i back = _mm512_cvtsepi32_epi8(high);
        if (groups) {
            front = _mm_shuffle_epi8(front, apart);
            back = _mm_shuffle_epi8(back, apart);
        }
        int32_t levels[8];
        _mm_storeu_si128((__m128i *) levels, front);
        _mm_storeu_si128((__m128i *) (levels + 4), back);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            to[k / 2 + 2 * i] = levels[i];
        }
        __m512i both = _mm512_add_epi32(low, high);
        if (groups) {
            q->sums[row * (padded / GROUP) + k / GROUP] = _mm512_reduce_add_epi32(both);
        } else {
            sum = _mm512_add_epi32(sum, both);
        }
    }
    if (!groups) {
        q->sums[row] = _mm512_reduce_add_epi32(sum);
    }
}
