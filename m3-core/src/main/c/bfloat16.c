/*
 * Products in bfloat16, of weights that lie as a file has them, [N, K]: nothing of them is packed, so that a mapped file is read where it
 * is.
 *
 * 32 rows at a time lie beside one another, and a pair of weights is multiplied with all of them. What is left goes along K instead, 32
 * inputs at a time, whose sums are added up at the end; so do up to 31 rows of a sequence, all rows of an odd K, and the outputs of a last
 * panel that is not whole. Which rows go together is a matter of their own sequence (narrow_at).
 */
#include "kernels.h"

/* ---- Rows ---- */

static int64_t narrow_stride(int64_t inputs) {
    return up(inputs, GROUP) + 32;
}

/* Rows of a sequence that go in blocks */
static int64_t blocked(int64_t rows, int64_t inputs) {
    return inputs % 2 ? 0 : rows / ROW_BLOCK * ROW_BLOCK;
}

int64_t narrow_bytes(int64_t rows, int64_t inputs) {
    return rows * (narrow_stride(inputs) * 2 + 4) + blocked(rows, inputs) * up(inputs, GROUP) * 2 + 64;
}

void narrow_at(narrow_t *n, void *memory, int64_t rows, int64_t inputs, const int64_t *lengths, int64_t sequences) {
    n->padded = up(inputs, GROUP);
    n->stride = narrow_stride(inputs);
    n->blocks = (uint32_t *) up((int64_t) (uintptr_t) memory, 64);
    n->rows = (uint16_t *) (n->blocks + blocked(rows, inputs) * n->padded / 2);
    n->order = (int32_t *) (n->rows + rows * n->stride);
    int64_t place = 0;
    for (int whole = 1; whole >= 0; whole--) {
        int64_t start = 0;
        for (int64_t i = 0; i < sequences; i++) {
            int64_t middle = start + blocked(lengths[i], inputs);
            int64_t end = start + lengths[i];
            for (int64_t row = whole ? start : middle; row < (whole ? middle : end); row++) {
                n->order[place++] = (int32_t) row;
            }
            start = end;
        }
        n->count = whole ? place : n->count;
    }
}

void narrow_row(narrow_t *n, int64_t place, const input_t *input, float *work) {
    prepare_row(input, n->order[place], work);
    for (int64_t k = 0; k < n->padded; k += 16) {
        store16(n->rows + place * n->stride + k, 0xffff, _mm512_loadu_ps(work + k));
    }
}

void narrow_pairs(narrow_t *n, int64_t block, int64_t at) {
    uint32_t *to = n->blocks + (block * n->padded + at) / 2 * ROW_BLOCK;
    for (int64_t r = 0; r < ROW_BLOCK; r += 16) {
        __m512 pairs[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            pairs[i] = _mm512_loadu_ps(n->rows + (block * ROW_BLOCK + r + i) * n->stride + at);
        }
        transpose(pairs);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            _mm512_storeu_ps(to + i * ROW_BLOCK + r, pairs[i]);
        }
    }
}

/* ---- 32 rows ---- */

/* Outputs go by threes: addresses are the first one's, and one or two strides on, so that they fit the registers. */
#define OUTPUTS_8(M) M(0, 0) M(1, 0) M(2, 0) M(3, 3) M(4, 3) M(5, 3) M(6, 6) M(7, 6)
#define OUTPUTS_12(M) OUTPUTS_8(M) M(8, 6) M(9, 9) M(10, 9) M(11, 9)

#define DECLARE(n, third)                  \
    __m512 left##n = _mm512_setzero_ps();  \
    __m512 right##n = _mm512_setzero_ps(); \
    const char *w##n __attribute__((unused)) = (const char *) weight + n * stride;

#define MULTIPLY(n, third)                                                           \
    {                                                                                \
        int32_t two;                                                                 \
        __builtin_memcpy(&two, w##third + (n - third) * stride + 4 * i, sizeof two); \
        __m512i both = _mm512_set1_epi32(two);                                       \
        left##n = dot2(left##n, x0, both);                                           \
        right##n = dot2(right##n, x1, both);                                         \
    }

#define PAIR(OUTPUTS, place)                                     \
    {                                                            \
        enum { i = place };                                      \
        __m512i x0 = _mm512_loadu_si512(x + i * ROW_BLOCK);      \
        __m512i x1 = _mm512_loadu_si512(x + i * ROW_BLOCK + 16); \
        OUTPUTS(MULTIPLY)                                        \
    }

#define ASK_AHEAD(n, third) _mm_prefetch(w##third + (n - third) * stride + ahead, _MM_HINT_T1);

#define ADVANCE(n, third) w##n += 4 * step;

#define WRITE(n, third)                              \
    _mm512_storeu_ps(sums + n * ROW_BLOCK, left##n); \
    _mm512_storeu_ps(sums + n * ROW_BLOCK + 16, right##n);

/* Some outputs of a block, x [pairs, 32, 2], weights `stride` bytes apart: sums [outputs, 32]. Meanwhile those `ahead` bytes on are asked
 * for, where that is not 0. */
#define BLOCK_TILE(OUTPUTS)                                                                                                             \
    static void block_##OUTPUTS(const uint32_t *x, const uint16_t *weight, int64_t stride, int64_t pairs, int64_t ahead, float *sums) { \
        OUTPUTS(DECLARE)                                                                                                                \
        for (; pairs >= 4; pairs -= 4) {                                                                                                \
            enum { step = 4 };                                                                                                          \
            if (ahead && !(pairs & 12)) { /* at every new line of the weights */                                                        \
                OUTPUTS(ASK_AHEAD)                                                                                                      \
            }                                                                                                                           \
            PAIR(OUTPUTS, 0)                                                                                                            \
            PAIR(OUTPUTS, 1)                                                                                                            \
            PAIR(OUTPUTS, 2)                                                                                                            \
            PAIR(OUTPUTS, 3)                                                                                                            \
            OUTPUTS(ADVANCE)                                                                                                            \
            x += step * ROW_BLOCK;                                                                                                      \
        }                                                                                                                               \
        for (; pairs > 0; pairs--) {                                                                                                    \
            enum { step = 1 };                                                                                                          \
            PAIR(OUTPUTS, 0)                                                                                                            \
            OUTPUTS(ADVANCE)                                                                                                            \
            x += step * ROW_BLOCK;                                                                                                      \
        }                                                                                                                               \
        OUTPUTS(WRITE)                                                                                                                  \
    }

BLOCK_TILE(OUTPUTS_12)
BLOCK_TILE(OUTPUTS_8)

/* A block and a whole panel */
static void block(const narrow_t *x, int64_t place, int64_t inputs, const rows_t *weight, const added_t *added, const results_t *y,
                  int64_t at, int64_t ahead) {
    float sums[PANEL * ROW_BLOCK] __attribute__((aligned(64)));
    const uint32_t *pairs = x->blocks + place * x->padded / 2;
    int64_t stride = weight->stride * 2;
    block_OUTPUTS_12(pairs, row_of(weight, at), stride, inputs / 2, ahead, sums);
    block_OUTPUTS_12(pairs, row_of(weight, at + 12), stride, inputs / 2, ahead, sums + 12 * ROW_BLOCK);
    block_OUTPUTS_8(pairs, row_of(weight, at + 24), stride, inputs / 2, ahead, sums + 24 * ROW_BLOCK);
    for (int64_t n = 0; n < PANEL; n += 16) {
        for (int64_t r = 0; r < ROW_BLOCK; r += 16) {
            __m512 results[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                results[i] = _mm512_loadu_ps(sums + (n + i) * ROW_BLOCK + r);
            }
            transpose(results);
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                put(y, added, x->order[place + r + i], at + n, 0xffff, results[i]);
            }
        }
    }
}

/* ---- Fewer ---- */

/* Rows and outputs of a tile: 24 vectors of sums */
#define TILE_ROWS 6
#define TILE_OUTPUTS 4

/* Inputs of a tile: six rows of so many stay in the first cache while the outputs of a panel go by. */
#define INPUTS_AT_ONCE 2048

/* Sums of a row: [PANEL, 16] */
#define ROW_SUMS (PANEL * 16)

/* The weights of four outputs */
typedef struct {
    const uint16_t *at[TILE_OUTPUTS];
} outputs_t;

static inline __m512i load32(const uint16_t *from, __mmask32 mask) {
    return _mm512_maskz_loadu_epi16(mask, from);
}

#define BEGIN(r, even)                                       \
    __m512 a##r = _mm512_loadu_ps(sums + r * ROW_SUMS);      \
    __m512 b##r = _mm512_loadu_ps(sums + r * ROW_SUMS + 16); \
    __m512 c##r = _mm512_loadu_ps(sums + r * ROW_SUMS + 32); \
    __m512 d##r = _mm512_loadu_ps(sums + r * ROW_SUMS + 48);

#define STEP(r, even)                                       \
    {                                                       \
        __m512i v = _mm512_loadu_si512(x + r * stride + k); \
        a##r = dot2(a##r, v, w0);                           \
        b##r = dot2(b##r, v, w1);                           \
        c##r = dot2(c##r, v, w2);                           \
        d##r = dot2(d##r, v, w3);                           \
    }

#define END(r, even)                                  \
    _mm512_storeu_ps(sums + r * ROW_SUMS, a##r);      \
    _mm512_storeu_ps(sums + r * ROW_SUMS + 16, b##r); \
    _mm512_storeu_ps(sums + r * ROW_SUMS + 32, c##r); \
    _mm512_storeu_ps(sums + r * ROW_SUMS + 48, d##r);

#define ASK(i) _mm_prefetch((const char *) (w.at[i] + ahead + k), _MM_HINT_T1);

/* Inputs from..to - 1 of some rows and four outputs. Meanwhile the same places are asked for `ahead` numbers on. */
#define TILE(ROWS)                                                                                                                  \
    static void tile_##ROWS(const uint16_t *x, int64_t stride, outputs_t w, int64_t from, int64_t to, int64_t ahead, float *sums) { \
        ROWS(BEGIN)                                                                                                                 \
        int64_t k = from;                                                                                                           \
        for (; k + 32 <= to; k += 32) {                                                                                             \
            __m512i w0 = _mm512_loadu_si512(w.at[0] + k);                                                                           \
            __m512i w1 = _mm512_loadu_si512(w.at[1] + k);                                                                           \
            __m512i w2 = _mm512_loadu_si512(w.at[2] + k);                                                                           \
            __m512i w3 = _mm512_loadu_si512(w.at[3] + k);                                                                           \
            ASK(0) ASK(1) ASK(2) ASK(3) ROWS(STEP)                                                                                  \
        }                                                                                                                           \
        if (k < to) {                                                                                                               \
            __mmask32 mask = first32(to - k);                                                                                       \
            __m512i w0 = load32(w.at[0] + k, mask);                                                                                 \
            __m512i w1 = load32(w.at[1] + k, mask);                                                                                 \
            __m512i w2 = load32(w.at[2] + k, mask);                                                                                 \
            __m512i w3 = load32(w.at[3] + k, mask);                                                                                 \
            ROWS(STEP)                                                                                                              \
        }                                                                                                                           \
        ROWS(END)                                                                                                                   \
    }

TILE(ROWS_6)
TILE(ROWS_5)
TILE(ROWS_4)
TILE(ROWS_3)
TILE(ROWS_2)
TILE(ROWS_1)

typedef void (*tile_t)(const uint16_t *x, int64_t stride, outputs_t w, int64_t from, int64_t to, int64_t ahead, float *sums);

static const tile_t TILES[] = {0, tile_ROWS_1, tile_ROWS_2, tile_ROWS_3, tile_ROWS_4, tile_ROWS_5, tile_ROWS_6};

/* One row: reading the weights is what takes the time, so they are read from end to end, and will not be needed again soon. */
static void one(const uint16_t *x, const rows_t *weight, int64_t output, int64_t count, int64_t inputs, float *sums) {
    for (int64_t n = 0; n < count; n++) {
        const uint16_t *w = row_of(weight, output + n);
        __m512 sum = _mm512_setzero_ps();
        int64_t k = 0;
        for (; k + 128 <= inputs; k += 128) {
#pragma GCC unroll 4
            for (int64_t i = 0; i < 128; i += 32) {
                _mm_prefetch((const char *) (w + k + i) + BYTES_AHEAD, _MM_HINT_NTA);
                sum = dot2(sum, _mm512_loadu_si512(x + k + i), _mm512_loadu_si512(w + k + i));
            }
        }
        for (; k < inputs; k += 32) {
            __mmask32 mask = first32(inputs - k);
            sum = dot2(sum, _mm512_loadu_si512(x + k), load32(w + k, mask));
        }
        _mm512_storeu_ps(sums + n * 16, sum);
    }
}

/* Up to six rows and the outputs of a panel */
static void few(const narrow_t *x, int64_t place, int64_t rows, int64_t inputs, const rows_t *weight, const added_t *added,
                const results_t *y, int64_t at, int64_t count, int64_t ahead) {
    float sums[TILE_ROWS * ROW_SUMS] __attribute__((aligned(64)));
    __builtin_memset(sums, 0, rows * ROW_SUMS * sizeof *sums);
    const uint16_t *from = x->rows + place * x->stride;
    if (rows == 1) {
        one(from, weight, at, count, inputs, sums);
    } else {
        for (int64_t k = 0; k < inputs; k += INPUTS_AT_ONCE) {
            int64_t to = inputs - k < INPUTS_AT_ONCE ? inputs : k + INPUTS_AT_ONCE;
            for (int64_t n = 0; n < count; n += TILE_OUTPUTS) {
                outputs_t w;
                for (int64_t i = 0; i < TILE_OUTPUTS; i++) { /* beyond the last output it stands in, and is not looked at */
                    w.at[i] = row_of(weight, at + (n + i < count ? n + i : count - 1));
                }
                TILES[rows](from, x->stride, w, k, to, ahead, sums + n * 16);
            }
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t n = 0; n < count; n += 16) {
            __m512 v[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                v[i] = _mm512_loadu_ps(sums + r * ROW_SUMS + (n + i) * 16);
            }
            put(y, added, x->order[place + r], at + n, first(count - n), sums_of(v));
        }
    }
}

/* ---- Both ---- */

void bfloat16_panel(const narrow_t *x, int64_t from, int64_t places, int64_t inputs, const rows_t *weight, const added_t *added,
                    const results_t *y, int64_t panel, int64_t outputs) {
    int64_t at = panel * PANEL;
    int64_t count = outputs - at < PANEL ? outputs - at : PANEL;
    int64_t end = from + places;
    int64_t blocks_end = count < PANEL ? from : end < x->count ? end : x->count;
    int64_t next = PANEL * weight->stride;
    int64_t place = from;
    for (; place < blocks_end; place += ROW_BLOCK) {
        /* The last block asks for the next panel. */
        block(x, place, inputs, weight, added, y, at, place + ROW_BLOCK < blocks_end ? 0 : 2 * next);
    }
    while (place < end) {
        int64_t some = end - place < TILE_ROWS ? end - place : TILE_ROWS;
        /* Where there is none, the last rows. */
        few(x, place, some, inputs, weight, added, y, at, count, place + some < end || blocks_end > from ? 0 : next);
        place += some;
    }
}
