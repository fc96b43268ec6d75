/*
 * Products in 8 bits. A weight is packed [N / 32, K / 4, 32, 4]: of 32 outputs the next four inputs each, which is what one
 * instruction takes (VPDPBUSD: unsigned times signed, four products added up in 32 bits). Levels of weights lie at 128
 * and above zero, so that activations are the signed ones; 128 times the sum of a row's levels is taken off again.
 */
#include "kernels.h"

/* Sixteen results of a row, from column `at` on */
static inline __attribute__((always_inline)) void finish(__m512i sums, const quantised_t *x, int64_t row, const float *scales,
                                                         const added_t *added, const results_t *y, int64_t at, int64_t outputs) {
    __mmask16 mask = first(outputs - at);
    sums = _mm512_sub_epi32(sums, _mm512_set1_epi32(128 * x->sums[row]));
    __m512 step = _mm512_mul_ps(_mm512_set1_ps(x->steps[row]), _mm512_maskz_loadu_ps(mask, scales + at));
    __m512 result = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), step);
    put(y, added, row, at, mask, result);
}

/* Rows of a tile: 24 vectors of sums */
#define TILE_ROWS 12

#define DECLARE(r, even)                       \
    __m512i left##r = _mm512_setzero_si512();  \
    __m512i right##r = _mm512_setzero_si512(); \
    const int32_t *levels##r __attribute__((unused)) = pair(x, row + r);

#define STEP(r, even)                                                     \
    {                                                                     \
        __m512i four = _mm512_set1_epi32(levels##even[2 * k + r - even]); \
        left##r = dot(left##r, w0, four);                                 \
        right##r = dot(right##r, w1, four);                               \
    }

#define FINISH(r, even)                                         \
    finish(left##r, x, row + r, scales, added, y, at, outputs); \
    finish(right##r, x, row + r, scales, added, y, at + 16, outputs);

/* Some rows times 32 outputs: the sums stay in registers. Meanwhile 64 bytes from `ahead` on are asked for at every step. */
#define TILE(ROWS)                                                                                                         \
    static void tile_##ROWS(const quantised_t *x, int64_t row, int64_t quads, const uint8_t *weight, const uint8_t *ahead, \
                            const float *scales, const added_t *added, const results_t *y, int64_t at, int64_t outputs) {  \
        ROWS(DECLARE)                                                                                                      \
        for (int64_t k = 0; k < quads; k++) {                                                                              \
            __m512i w0 = _mm512_loadu_si512(weight + k * 128);                                                             \
            __m512i w1 = _mm512_loadu_si512(weight + k * 128 + 64);                                                        \
            _mm_prefetch((const char *) ahead + k * 64, _MM_HINT_T1);                                                      \
            ROWS(STEP)                                                                                                     \
        }                                                                                                                  \
        ROWS(FINISH)                                                                                                       \
    }

TILE(ROWS_12)
TILE(ROWS_11)
TILE(ROWS_10)
TILE(ROWS_9)
TILE(ROWS_8)
TILE(ROWS_7)
TILE(ROWS_6)
TILE(ROWS_5)
TILE(ROWS_4)
TILE(ROWS_3)
TILE(ROWS_2)
TILE(ROWS_1)

typedef void (*tile_t)(const quantised_t *x, int64_t row, int64_t quads, const uint8_t *weight, const uint8_t *ahead, const float *scales,
                       const added_t *added, const results_t *y, int64_t at, int64_t outputs);

static const tile_t TILES[] = {0,           tile_ROWS_1, tile_ROWS_2, tile_ROWS_3,  tile_ROWS_4,  tile_ROWS_5, tile_ROWS_6,
                               tile_ROWS_7, tile_ROWS_8, tile_ROWS_9, tile_ROWS_10, tile_ROWS_11, tile_ROWS_12};

/* One row: reading the weights is what takes the time, and more sums hide how long each instruction takes. They will not be needed again
 * soon. */
static void one(const quantised_t *x, int64_t row, int64_t quads, const uint8_t *weight, const float *scales, const added_t *added,
                const results_t *y, int64_t at, int64_t outputs) {
    __m512i left[4];
    __m512i right[4];
    const int32_t *levels = pair(x, row);
#pragma GCC unroll 12
    for (int i = 0; i < 4; i++) {
        left[i] = _mm512_setzero_si512();
        right[i] = _mm512_setzero_si512();
    }
    int64_t k = 0;
    for (; k + 4 <= quads; k += 4) {
#pragma GCC unroll 12
        for (int i = 0; i < 4; i++) {
            __m512i four = _mm512_set1_epi32(levels[2 * (k + i)]);
            _mm_prefetch((const char *) weight + (k + i) * 128 + BYTES_AHEAD, _MM_HINT_NTA);
            _mm_prefetch((const char *) weight + (k + i) * 128 + BYTES_AHEAD + 64, _MM_HINT_NTA);
            left[i] = dot(left[i], _mm512_loadu_si512(weight + (k + i) * 128), four);
            right[i] = dot(right[i], _mm512_loadu_si512(weight + (k + i) * 128 + 64), four);
        }
    }
    for (; k < quads; k++) {
        __m512i four = _mm512_set1_epi32(levels[2 * k]);
        left[0] = dot(left[0], _mm512_loadu_si512(weight + k * 128), four);
        right[0] = dot(right[0], _mm512_loadu_si512(weight + k * 128 + 64), four);
    }
    finish(_mm512_add_epi32(_mm512_add_epi32(left[0], left[1]), _mm512_add_epi32(left[2], left[3])), x, row, scales, added, y, at, outputs);
    finish(_mm512_add_epi32(_mm512_add_epi32(right[0], right[1]), _mm512_add_epi32(right[2], right[3])), x, row, scales, added, y, at + 16,
           outputs);
}

void int8_panel(const quantised_t *x, int64_t from, int64_t rows, int64_t inputs, const uint8_t *weight, const float *scales,
                const added_t *added, const results_t *y, int64_t panel, int64_t outputs) {
    int64_t quads = (inputs + 3) / 4;
    const uint8_t *w = weight + panel * quads * 128;
    int64_t at = panel * PANEL;
    if (rows == 1) {
        one(x, from, quads, w, scales, added, y, at, outputs);
        return;
    }
    int64_t end = from + rows;
    for (int64_t row = from; row < end; row += TILE_ROWS) {
        int64_t some = end - row < TILE_ROWS ? end - row : TILE_ROWS;
        /* The first two tiles ask for the next panel, each for half of it; the others for what is there. */
        int64_t tile = (row - from) / TILE_ROWS;
        TILES[some](x, row, quads, w, tile < 2 ? w + quads * (128 + tile * 64) : w, scales, added, y, at, outputs);
    }
}
