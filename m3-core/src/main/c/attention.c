/*
 * Attention of some rows. Many of them go by twelve, in products of bfloat16 whose sums are float32; a single one reads keys and values
 * once and has its query and shares in float32 too, so that a row alone and the same row among others differ by the rounding of bfloat16.
 */
#include "kernels.h"

/* Rows that go together */
#define TILE 12

/* Positions that one row asks for ahead */
#define AHEAD 64

/* Positions that are packed together */
#define PACK 32

static _Atomic int dots;

void multiply_in_bfloat16(int able) {
    dots = able;
}

int multiplies_in_bfloat16(void) {
    return dots;
}

static int64_t of_group(const attention_t *a) {
    return a->heads / a->groups;
}

/* Positions that there are */
static int64_t seen(const attention_t *a) {
    return a->position + a->rows;
}

/* Whether rows have an order, and turn by it */
static int is_ordered(const attention_t *a) {
    return a->cosine != 0;
}

/* How many positions a row sees */
static int64_t seen_by(const attention_t *a, int64_t row) {
    return is_ordered(a) ? a->position + row + 1 : seen(a);
}

/*
 * Rotary position embedding, the half-split form of Hugging Face: sixteen numbers x of a head's first half and the ones y of its second
 * become x cos - y sin and y cos + x sin. The second halves of `cosine` and `sine` repeat the first.
 */
static inline void turn(const attention_t *a, int64_t row, int64_t at, int64_t e, __mmask16 mask, __m512 *front, __m512 *back) {
    const uint16_t *head = row_of(&a->qkv, row) + at;
    __m512 cosine = load16(a->cosine + row * a->size + e, mask);
    __m512 sine = load16(a->sine + row * a->size + e, mask);
    __m512 x = load16(head + e, mask);
    __m512 y = load16(head + a->size / 2 + e, mask);
    *front = _mm512_fnmadd_ps(y, sine, _mm512_mul_ps(x, cosine));
    *back = _mm512_fmadd_ps(x, sine, _mm512_mul_ps(y, cosine));
}

/* The key and the value of a row, of all groups, to their place in the caches */
static void keep(const attention_t *a, int64_t row) {
    int64_t half = a->size / 2;
    for (int64_t g = 0; g < a->groups; g++) {
        int64_t place = g * a->of_group + (a->position + row) * a->of_position;
        int64_t at = (a->heads + g) * a->size;
        for (int64_t e = 0; e < half; e += 16) {
            __mmask16 mask = first(half - e);
            __m512 front;
            __m512 back;
            turn(a, row, at, e, mask, &front, &back);
            store16(a->keys + place + e, mask, front);
            store16(a->keys + place + half + e, mask, back);
        }
        const uint16_t *value = row_of(&a->qkv, row) + at + a->groups * a->size;
        __builtin_memcpy(a->values + place, value, a->size * sizeof *value);
    }
}

/* A query, times 1 / sqrt(E): [E] */
static void query(const attention_t *a, int64_t row, int64_t head, float *to) {
    int64_t half = a->size / 2;
    __m512 scale = _mm512_set1_ps(1.f / __builtin_sqrtf((float) a->size));
    if (!is_ordered(a)) {
        for (int64_t e = 0; e < a->size; e += 16) {
            __mmask16 mask = first(a->size - e);
            __m512 x = load16(row_of(&a->qkv, row) + head * a->size + e, mask);
            _mm512_mask_storeu_ps(to + e, mask, _mm512_mul_ps(x, scale));
        }
        return;
    }
    for (int64_t e = 0; e < half; e += 16) {
        __mmask16 mask = first(half - e);
        __m512 front;
        __m512 back;
        turn(a, row, head * a->size, e, mask, &front, &back);
        _mm512_mask_storeu_ps(to + e, mask, _mm512_mul_ps(front, scale));
        _mm512_mask_storeu_ps(to + half + e, mask, _mm512_mul_ps(back, scale));
    }
}

/* Scores [S] become e to their distance from the greatest, those beyond `visible` zero, up to `length`, a multiple of 16. -> their sum */
static float exponentials(float *scores, int64_t visible, int64_t length) {
    __m512 top = _mm512_set1_ps(-__FLT_MAX__);
    for (int64_t s = 0; s < visible; s += 16) {
        /* A score that is no number does not become the greatest; its share is none, and so the row's sum. */
        top = _mm512_mask_max_ps(top, first(visible - s), _mm512_loadu_ps(scores + s), top);
    }
    __m512 greatest = _mm512_set1_ps(_mm512_reduce_max_ps(top));
    __m512 sum = _mm512_setzero_ps();
    for (int64_t s = 0; s < length; s += 16) {
        __m512 share = exponential(_mm512_sub_ps(_mm512_loadu_ps(scores + s), greatest));
        share = _mm512_maskz_mov_ps(first(visible - s), share);
        sum = _mm512_add_ps(sum, share);
        _mm512_storeu_ps(scores + s, share);
    }
    return _mm512_reduce_add_ps(sum);
}

/* ---- One row ---- */

/* Queries and scores of a group's heads, and sixteen keys */
static int64_t row_floats(const attention_t *a) {
    return of_group(a) * (up(a->size, 16) + up(seen(a), 16)) + 16 * up(a->size, 16);
}

/* q · k of sixteen positions at a time, for the heads of a group: [H / G, S] */
static void score(const attention_t *a, const uint16_t *keys, const uint16_t *values, int64_t visible, const float *queries, float *scores,
                  float *block) {
    int64_t width = up(a->size, 16);
    int64_t length = up(seen(a), 16);
    for (int64_t s = 0; s < visible; s += 16) {
        for (int64_t i = 0; i < 16; i++) { /* [E / 16, position, 16] */
            for (int64_t e = 0; e < width; e += 16) {
                __mmask16 mask = s + i < visible ? first(a->size - e) : 0;
                int64_t at = (s + i) * a->of_position + e;
                int64_t later = at + AHEAD * a->of_position;
                _mm_prefetch((const char *) (keys + later), _MM_HINT_T0);
                _mm_prefetch((const char *) (values + later), _MM_HINT_T1); /* needed behind the scores */
                _mm512_storeu_ps(block + e * 16 + i * 16, load16(keys + at, mask));
            }
        }
        for (int64_t h = 0; h < of_group(a); h++) {
            __m512 v[16];
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++) {
                v[i] = _mm512_setzero_ps();
            }
            for (int64_t e = 0; e < width; e += 16) {
                __m512 q = _mm512_loadu_ps(queries + h * width + e);
#pragma GCC unroll 16
                for (int i = 0; i < 16; i++) {
                    v[i] = _mm512_fmadd_ps(q, _mm512_loadu_ps(block + e * 16 + i * 16), v[i]);
                }
            }
            _mm512_storeu_ps(scores + h * length + s, sums_of(v));
        }
    }
}

#define DECLARE(r, even) __m512 y##r = _mm512_setzero_ps();
#define ADD(r, even) y##r = _mm512_fmadd_ps(_mm512_set1_ps(shares[r * length + s]), v, y##r);
#define WRITE(r, even) store16(y + r * a->size + e, mask, _mm512_mul_ps(y##r, _mm512_set1_ps(inverses[r])));

/* The values of all positions, by their shares, for some heads of a group */
#define MIX(ROWS)                                                                                                                     \
    static void mix_##ROWS(const attention_t *a, const uint16_t *values, int64_t visible, const float *shares, const float *inverses, \
                           uint16_t *y) {                                                                                             \
        int64_t length = up(seen(a), 16);                                                                                             \
        for (int64_t e = 0; e < a->size; e += 16) {                                                                                   \
            __mmask16 mask = first(a->size - e);                                                                                      \
            ROWS(DECLARE)                                                                                                             \
            for (int64_t s = 0; s < visible; s++) {                                                                                   \
                __m512 v = load16(values + s * a->of_position + e, mask);                                                             \
                ROWS(ADD)                                                                                                             \
            }                                                                                                                         \
            ROWS(WRITE)                                                                                                               \
        }                                                                                                                             \
    }

MIX(ROWS_8)
MIX(ROWS_2)
MIX(ROWS_1)

/* One row of queries, the heads of one group; keys and values are in their place */
static void attend_row(const attention_t *a, int64_t row, int64_t group, float *work) {
    int64_t count = of_group(a);
    int64_t visible = seen_by(a, row);
    int64_t width = up(a->size, 16);
    int64_t length = up(seen(a), 16);
    float *queries = work;
    float *scores = queries + count * width;
    float *block = scores + count * length;
    const uint16_t *keys = a->keys + group * a->of_group;
    const uint16_t *values = a->values + group * a->of_group;
    for (int64_t h = 0; h < count; h++) {
        for (int64_t e = 0; e < width; e += 16) {
            _mm512_storeu_ps(queries + h * width + e, _mm512_setzero_ps());
        }
        query(a, row, group * count + h, queries + h * width);
    }
    score(a, keys, values, visible, queries, scores, block);
    uint16_t *y = a->y + ((row - a->from) * a->heads + group * count) * a->size;
    int64_t h = 0;
    while (h < count) {
        int64_t some = count - h >= 8 ? 8 : count - h >= 2 ? 2 : 1;
        float inverses[8];
        for (int64_t i = 0; i < some; i++) {
            inverses[i] = 1.f / exponentials(scores + (h + i) * length, visible, length);
        }
        (some == 8 ? mix_ROWS_8 : some == 2 ? mix_ROWS_2 : mix_ROWS_1)(a, values, visible, scores + h * length, inverses, y + h * a->size);
        h += some;
    }
}

/* ---- Many rows ---- */

static int64_t blocks(const attention_t *a) {
    return (a->rows - a->from + TILE - 1) / TILE;
}

/* Pairs of a head's numbers: of an odd E the last one has a zero */
static int64_t pairs(const attention_t *a) {
    return (a->size + 1) / 2;
}

/* Pairs of numbers of up to sixteen rows, beside one another: to [count / 2, columns], sixteen columns or those of the mask. Rows from
 * `rows` on are zero. */
static void pack_pairs(const uint16_t *from, int64_t stride, int64_t rows, int64_t count, uint32_t *to, int64_t columns, __mmask16 mask) {
    for (int64_t k = 0; k < count; k += 32) {
        __mmask32 there = first32(count - k);
        __m512 v[16];
#pragma GCC unroll 16
        for (int r = 0; r < 16; r++) {
            v[r] = _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(r < rows ? there : 0, from + r * stride + k));
        }
        transpose(v);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            if (k + 2 * i < count) {
                _mm512_mask_storeu_ps(to + (k / 2 + i) * columns, mask, v[i]);
            }
        }
    }
}

/* Queries of a block of rows: [E / 2, 12] pairs; rows that there are not are zero. work: a row in float32, and twelve in bfloat16 */
static void pack_queries(const attention_t *a, int64_t head, int64_t block, uint32_t *to, float *work) {
    int64_t width = up(a->size, PACK);
    int64_t start = a->from + block * TILE;
    int64_t count = a->rows - start < TILE ? a->rows - start : TILE;
    uint16_t *narrowed = (uint16_t *) (work + width);
    for (int64_t r = 0; r < count; r++) {
        query(a, start + r, head, work);
        for (int64_t e = 0; e < a->size; e += 16) {
            store16(narrowed + r * width + e, first(a->size - e), _mm512_loadu_ps(work + e));
        }
    }
    pack_pairs(narrowed, width, count, a->size, to, TILE, (1 << TILE) - 1);
}

/* 32 keys: [E / 2, 32] pairs along E. 32 values: [16, E'] pairs of positions, E' being E rounded up to 32. Positions that there are not are
 * zero */
static void pack(const attention_t *a, int64_t group, int64_t position, uint32_t *keys, uint32_t *values) {
    int64_t width = up(a->size, PACK);
    int64_t count = seen(a) - position;
    int64_t start = group * a->of_group + position * a->of_position;
    for (int64_t s = 0; s < PACK; s += 16) {
        pack_pairs(a->keys + start + s * a->of_position, a->of_position, count - s, a->size, keys + s, PACK, 0xffff);
    }
    for (int64_t s = 0; s < PACK; s += 2) {
        const uint16_t *from = a->values + start + s * a->of_position;
        for (int64_t e = 0; e < width; e += 16) {
            __mmask16 mask = first(a->size - e);
            __m256i low = _mm256_maskz_loadu_epi16(s < count ? mask : 0, from + e);
            __m256i high = _mm256_maskz_loadu_epi16(s + 1 < count ? mask : 0, from + a->of_position + e);
            __m512i both = _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
            _mm512_storeu_si512(values + s / 2 * width + e, both);
        }
    }
}

/* dot2 for processors that have no instruction for it */
static inline __m512 dot2_apart(__m512 sums, __m512i x, __m512i y) {
    const __m512i upper = _mm512_set1_epi32((int) 0xffff0000);
    __m512 low = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)), _mm512_castsi512_ps(_mm512_slli_epi32(y, 16)));
    __m512 high = _mm512_castsi512_ps(_mm512_and_si512(x, upper));
    return _mm512_add_ps(sums, _mm512_fmadd_ps(high, _mm512_castsi512_ps(_mm512_and_si512(y, upper)), low));
}

#define BEGIN(r, even)                    \
    __m512 left##r = _mm512_setzero_ps(); \
    __m512 right##r = _mm512_setzero_ps();

#define STEP(DOT, r)                                             \
    {                                                            \
        __m512i both = _mm512_set1_epi32((int) x[k * TILE + r]); \
        left##r = DOT(left##r, w0, both);                        \
        right##r = DOT(right##r, w1, both);                      \
    }
#define STEP_DOT(r, even) STEP(dot2, r)
#define STEP_APART(r, even) STEP(dot2_apart, r)

#define END(r, even)                           \
    _mm512_storeu_ps(y + r * stride, left##r); \
    _mm512_storeu_ps(y + r * stride + 16, right##r);

/* y = x W of twelve rows and 32 columns: x [count, 12] pairs, weight [count, columns] pairs -> float32, rows `stride` apart */
#define PRODUCT(name, EACH)                                                                                                 \
    static void name(const uint32_t *x, int64_t count, const uint32_t *weight, int64_t columns, float *y, int64_t stride) { \
        ROWS_12(BEGIN)                                                                                                      \
        for (int64_t k = 0; k < count; k++) {                                                                               \
            __m512i w0 = _mm512_loadu_si512(weight + k * columns);                                                          \
            __m512i w1 = _mm512_loadu_si512(weight + k * columns + 16);                                                     \
            ROWS_12(EACH)                                                                                                   \
        }                                                                                                                   \
        ROWS_12(END)                                                                                                        \
    }

PRODUCT(product, STEP_DOT)
PRODUCT(product_apart, STEP_APART)

/* Scores of twelve rows, their shares in pairs of positions, and results */
static int64_t block_bytes(const attention_t *a) {
    int64_t length = up(seen(a), PACK);
    return up(TILE * (length * 4 + length * 2 + up(a->size, PACK) * 4), 64);
}

static void attend_block(const attention_t *a, int64_t head, int64_t block, const uint32_t *queries, const uint32_t *keys,
                         const uint32_t *values, void *work) {
    void (*times)(const uint32_t *, int64_t, const uint32_t *, int64_t, float *, int64_t) = dots ? product : product_apart;
    int64_t start = a->from + block * TILE;
    int64_t count = a->rows - start < TILE ? a->rows - start : TILE;
    int64_t length = up(seen_by(a, start + count - 1), PACK);
    int64_t width = up(a->size, PACK);
    float *scores = work;
    uint32_t *shares = (uint32_t *) (scores + TILE * length);
    float *y = (float *) (shares + TILE * length / 2);
    float sums[TILE] = {0};
    for (int64_t s = 0; s < length; s += PACK) {
        times(queries, pairs(a), keys + s * pairs(a), PACK, scores + s, length);
    }
    for (int64_t r = 0; r < count; r++) {
        float *row = scores + r * length;
        sums[r] = exponentials(row, seen_by(a, start + r), length);
        for (int64_t s = 0; s < length; s += 16) { /* in bfloat16 over itself: what is written was read */
            store16((uint16_t *) row + s, 0xffff, _mm512_loadu_ps(row + s));
        }
    }
    pack_pairs((const uint16_t *) scores, 2 * length, count, length, shares, TILE, (1 << TILE) - 1);
    for (int64_t e = 0; e < width; e += PACK) {
        times(shares, length / 2, values + e, width, y + e, width);
    }
    for (int64_t r = 0; r < count; r++) {
        __m512 inverse = _mm512_set1_ps(1.f / sums[r]);
        uint16_t *to = a->y + ((start - a->from + r) * a->heads + head) * a->size;
        for (int64_t e = 0; e < a->size; e += 16) {
            store16(to + e, first(a->size - e), _mm512_mul_ps(_mm512_loadu_ps(y + r * width + e), inverse));
        }
    }
}

/* ---- Both ---- */

static int is_single(const attention_t *a) {
    return a->rows - a->from == 1;
}

static int64_t queries_bytes(const attention_t *a) {
    return up(a->heads * blocks(a) * TILE * pairs(a) * 4, 64);
}

static int64_t keys_bytes(const attention_t *a) {
    return up(a->groups * up(seen(a), PACK) * pairs(a) * 4, 64);
}

static int64_t values_bytes(const attention_t *a) {
    return up(a->groups * up(seen(a), PACK) * up(a->size, PACK) * 2, 64);
}

static int64_t thread_bytes(const attention_t *a) {
    int64_t queries = up(a->size, PACK) * (4 + TILE * 2);
    return up(is_single(a) ? row_floats(a) * 4 : block_bytes(a) > queries ? block_bytes(a) : queries, 64);
}

int64_t attention_bytes(const attention_t *a, int threads) {
    return threads * thread_bytes(a) + (is_single(a) ? 0 : queries_bytes(a) + keys_bytes(a) + values_bytes(a)) + 64;
}

void attend(const attention_t *a, void *work, int threads) {
    char *room = (char *) up((int64_t) (uintptr_t) work, 64);
    int64_t length = up(seen(a), PACK);
    int64_t width = up(a->size, PACK);
    int64_t packs = length / PACK;
    uint32_t *queries = (uint32_t *) (room + threads * thread_bytes(a));
    uint32_t *keys = (uint32_t *) ((char *) queries + queries_bytes(a));
    uint32_t *values = (uint32_t *) ((char *) keys + keys_bytes(a));
#pragma omp parallel num_threads(threads)
    {
        float *mine = (float *) (room + omp_get_thread_num() * thread_bytes(a));
        if (is_ordered(a)) {
#pragma omp for schedule(static)
            for (int64_t row = 0; row < a->rows; row++) {
                keep(a, row);
            }
        }
        if (is_single(a)) {
#pragma omp for schedule(dynamic, 1)
            for (int64_t group = 0; group < a->groups; group++) {
                attend_row(a, a->from, group, mine);
            }
        } else {
#pragma omp for schedule(static) nowait
            for (int64_t i = 0; i < a->groups * packs; i++) {
                int64_t place = i / packs * length + i % packs * PACK;
                pack(a, i / packs, i % packs * PACK, keys + place * pairs(a), values + place / 2 * width);
            }
#pragma omp for schedule(static)
            for (int64_t i = 0; i < a->heads * blocks(a); i++) {
                pack_queries(a, i / blocks(a), i % blocks(a), queries + i * TILE * pairs(a), mine);
            }
            /* The last rows see most, and go first. */
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = a->heads * blocks(a) - 1; i >= 0; i--) {
                int64_t block = i / a->heads;
                int64_t head = i % a->heads;
                int64_t place = head / of_group(a) * length;
                attend_block(a, head, block, queries + (head * blocks(a) + block) * TILE * pairs(a), keys + place * pairs(a),
                             values + place / 2 * width, mine);
            }
        }
    }
}
