/*
 * Products in 4 bits. A weight is packed [N / 32, K / 32, 640]: of 32 outputs a group of 32 inputs each, in 512 bytes [4, 32, 4] of which
 * byte (j, n, i) has input 8j + 2i in its lower half and the next one in its upper, as checkpoints pair them; activations come in that
 * order. Behind them stand the group's steps and offsets (the value of level 8), [2, 32] in bfloat16: what is read together lies together,
 * in one stream that the processor sees coming. Levels are unsigned, activations signed; 8 times the sum of a group's activations is taken
 * off before the step is put to it.
 */
#include "kernels.h"

static inline __attribute__((always_inline)) void finish(__m512 sum, const quantised_t *x, int64_t row, const added_t *added,
                                                         const results_t *y, int64_t at, int64_t outputs) {
    __mmask16 mask = first(outputs - at);
    __m512 result = _mm512_mul_ps(sum, _mm512_set1_ps(x->steps[row]));
    put(y, added, row, at, mask, result);
}

/* Rows of a tile: 24 vectors of sums */
#define TILE_ROWS 6

#define DECLARE(r, even)                   \
    __m512 left##r = _mm512_setzero_ps();  \
    __m512 right##r = _mm512_setzero_ps(); \
    const int32_t *levels##r __attribute__((unused)) = pair(x, row + r);

/* Bytes of a group of 32 outputs */
#define BLOCK 640

#define BEGIN(r, even)                                           \
    __m512i l##r = _mm512_set1_epi32(-8 * sums[r * groups + g]); \
    __m512i h##r = l##r;

#define STEP(r, even)                                                                        \
    {                                                                                        \
        __m512i a = _mm512_set1_epi32(levels##even[g * (GROUP / 2) + 4 * j + r - even]);     \
        __m512i b = _mm512_set1_epi32(levels##even[g * (GROUP / 2) + 4 * j + 2 + r - even]); \
        l##r = dot(l##r, w0, a);                                                             \
        h##r = dot(h##r, w1, a);                                                             \
        l##r = dot(l##r, w2, b);                                                             \
        h##r = dot(h##r, w3, b);                                                             \
    }

#define END(r, even)                                                                                          \
    {                                                                                                         \
        __m512 sum = _mm512_set1_ps((float) sums[r * groups + g]);                                            \
        left##r = _mm512_fmadd_ps(offset0, sum, _mm512_fmadd_ps(step0, _mm512_cvtepi32_ps(l##r), left##r));   \
        right##r = _mm512_fmadd_ps(offset1, sum, _mm512_fmadd_ps(step1, _mm512_cvtepi32_ps(h##r), right##r)); \
    }

#define FINISH(r, even)                                 \
    finish(left##r, x, row + r, added, y, at, outputs); \
    finish(right##r, x, row + r, added, y, at + 16, outputs);

/* Some rows times 32 outputs: the sums of a group, and those of all, stay in registers */
#define TILE(ROWS)                                                                                                          \
    static void tile_##ROWS(const quantised_t *x, int64_t row, int64_t groups, const uint8_t *weight, const added_t *added, \
                            const results_t *y, int64_t at, int64_t outputs) {                                              \
        const int32_t *sums = x->sums + row * groups;                                                                       \
        const __m512i low = _mm512_set1_epi8(15);                                                                           \
        ROWS(DECLARE)                                                                                                       \
        for (int64_t g = 0; g < groups; g++) {                                                                              \
            const uint8_t *bytes = weight + g * BLOCK;                                                                      \
            ROWS(BEGIN)                                                                                                     \
            for (int j = 0; j < 4; j++) {                                                                                   \
                __m512i b0 = _mm512_loadu_si512(bytes + j * 128);                                                           \
                __m512i b1 = _mm512_loadu_si512(bytes + j * 128 + 64);                                                      \
                __m512i w0 = _mm512_and_si512(b0, low);                                                                     \
                __m512i w1 = _mm512_and_si512(b1, low);                                                                     \
                __m512i w2 = _mm512_and_si512(_mm512_srli_epi16(b0, 4), low);                                               \
                __m512i w3 = _mm512_and_si512(_mm512_srli_epi16(b1, 4), low);                                               \
                ROWS(STEP)                                                                                                  \
            }                                                                                                               \
            const __m256i *s = (const __m256i *) (bytes + 512);                                                             \
            __m512 step0 = widen(_mm256_loadu_si256(s));                                                                    \
            __m512 step1 = widen(_mm256_loadu_si256(s + 1));                                                                \
            __m512 offset0 = widen(_mm256_loadu_si256(s + 2));                                                              \
            __m512 offset1 = widen(_mm256_loadu_si256(s + 3));                                                              \
            ROWS(END)                                                                                                       \
        }                                                                                                                   \
        ROWS(FINISH)                                                                                                        \
    }

TILE(ROWS_6)
TILE(ROWS_5)
TILE(ROWS_4)
TILE(ROWS_3)
TILE(ROWS_2)
TILE(ROWS_1)

typedef void (*tile_t)(const quantised_t *x, int64_t row, int64_t groups, const uint8_t *weight, const added_t *added, const results_t *y,
                       int64_t at, int64_t outputs);

static const tile_t TILES[] = {0, tile_ROWS_1, tile_ROWS_2, tile_ROWS_3, tile_ROWS_4, tile_ROWS_5, tile_ROWS_6};

void int4_panel(const quantised_t *x, int64_t from, int64_t rows, int64_t inputs, const uint8_t *weight, const added_t *added,
                const results_t *y, int64_t panel, int64_t outputs) {
    int64_t groups = inputs / GROUP;
    const uint8_t *w = weight + panel * groups * BLOCK;
    int64_t at = panel * PANEL;
    int64_t end = from + rows;
    for (int64_t row = from; row < end; row += TILE_ROWS) {
        TILES[end - row < TILE_ROWS ? end - row : TILE_ROWS](x, row, groups, w, added, y, at, outputs);
    }
}
