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

/* A row of zeros has the step 0. One with a number that is none has a step that is none, and so have its results. */
void quantise_row(quantised_t *q, int64_t row, const input_t *input, float *work, int groups) {
    float greatest = prepare_row(input, row, work);
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
