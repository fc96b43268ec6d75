/*
 * The kernels of encoder and decoder for processors with AVX-512 and VNNI, which libtorch has no operators for that are as
 * fast: linear layers in 8 and 4 bits whose rows are quantised on the way, those in bfloat16 over weights as files have them (which
 * need AVX512-BF16 too), attention, and the norms, gates and activations between them.
 *
 * Nothing here allocates, nothing depends on how many threads there are: each number of a result is computed by one thread,
 * always in the same order. A row's product in 8 and 4 bits does not depend on the rows beside it; bfloat16.c says when one in bfloat16
 * does.
 *
 *   R rows   K inputs   N outputs   G weights of a group in 4 bits   S positions   E size of a head
 */
#ifndef M3J_KERNELS_H
#define M3J_KERNELS_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* Outputs that are packed together. */
#define PANEL 32

/* So far ahead the weights of one row are asked for, in bytes: the processor itself looks ahead no farther than the end of a page. */
#define BYTES_AHEAD 8192

/* Weights of a row that share a step and an offset: Precision.INT4_GROUP. */
#define GROUP 32

/* Rows of numbers in bfloat16. */
typedef struct {
    const uint16_t *data;
    int64_t stride; /* from one row to the next, in numbers */
} rows_t;

/* Rows of results, in bfloat16 or in float32. */
typedef struct {
    void *data;
    int64_t stride;
    int wide; /* float32 */
} results_t;

/*
 * Rows in 8 bits, signed: levels from -127 to 127, of which 127 is the row's greatest number. Two rows lie together, four inputs of the
 * one beside four of the other: [R / 2, K / 4, 2, 4]. Tiles of twelve rows then need six addresses, which fit the registers.
 */
typedef struct {
    int32_t *levels; /* four of them at a time */
    int64_t stride;  /* from one pair of rows to the next, in fours: K / 2 and some more, so that pairs do not fall upon each other in the
                        cache */
    float *steps;    /* [R], what a level is worth */
    int32_t *sums;   /* [R], of a row's levels; in 4 bits [R, K / G], of each group's */
} quantised_t;

/* What is added to a product: nothing where the pointers are null. */
typedef struct {
    const uint16_t *bias; /* [N] */
    rows_t residual;      /* [R, N] */
} added_t;

/* What a row goes through before it is multiplied. */
enum { AS_IT_IS = 0, RMS_NORM = 1, SILU_GATE = 2, LAYER_NORM = 3, QUICK_GELU = 4, GELU = 5, GELU_TANH = 6, RELU = 7, SILU = 8, INPUTS };

/* x [R, K]; of SILU_GATE [R, 2K], the gate before what it lets through */
typedef struct {
    rows_t x;
    int64_t inputs; /* K */
    int kind;
    const uint16_t *norm;      /* of RMS_NORM and LAYER_NORM: [K] */
    const uint16_t *norm_bias; /* of LAYER_NORM: [K] */
    float epsilon;
} input_t;

/* The numbers of a row in float32, K rounded up to GROUP of them: those beyond K are zero. -> the greatest of their amounts, or a number
 * that is none where one of them is */
float prepare_row(const input_t *input, int64_t row, float *to);

/* Rows that lie beside one another for products in bfloat16 */
#define ROW_BLOCK 32

/* Rows in bfloat16, K rounded up to GROUP of them: those beyond K are zero. First come whole blocks of 32 rows of one sequence, then what
 * is left of each sequence, so that a row takes the same way whatever sequences are beside its own. */
typedef struct {
    int32_t *order;   /* [R], which row stands at each place */
    uint16_t *rows;   /* [R, stride] */
    int64_t padded;   /* K rounded up */
    int64_t stride;   /* and some more, so that rows do not fall upon each other in the cache */
    uint32_t *blocks; /* of each whole 32 rows the same in pairs of inputs, [K / 2, 32, 2]; none where K is odd */
    int64_t count;    /* places in blocks */
} narrow_t;

int64_t narrow_bytes(int64_t rows, int64_t inputs);
/* lengths: rows of each sequence, together `rows` */
void narrow_at(narrow_t *n, void *memory, int64_t rows, int64_t inputs, const int64_t *lengths, int64_t sequences);
/* work: room for K numbers, rounded up to GROUP */
void narrow_row(narrow_t *n, int64_t place, const input_t *input, float *work);
/* Of a block whose places are filled, 32 inputs from `at` on into their pairs */
void narrow_pairs(narrow_t *n, int64_t block, int64_t at);

int64_t quantised_bytes(int64_t rows, int64_t inputs);
void quantised_at(quantised_t *q, void *memory, int64_t rows, int64_t inputs);
/* work: room for K numbers, rounded up to GROUP */
void quantise_row(quantised_t *q, int64_t row, const input_t *input, float *work, int groups);

/*
 * Attention of L rows. In the decoder they stand behind `position` others, whose keys and values are in the caches, and see what is before
 * them: queries and keys are turned by their positions, and the new keys and values are put beside the others. In the encoder there is
 * neither a cache nor an order, and each row sees all: cosine and sine are null, and keys and values lie in qkv.
 */
typedef struct {
    rows_t qkv;             /* [L, (H + 2G) E] */
    const uint16_t *cosine; /* [L, E] */
    const uint16_t *sine;
    uint16_t *keys; /* of each group, of each position E numbers */
    uint16_t *values;
    int64_t of_group;    /* from one group's keys to the next group's, in numbers */
    int64_t of_position; /* from one position's to the next */
    int64_t position;
    int64_t rows;   /* L */
    int64_t from;   /* the first of them that attends */
    int64_t heads;  /* H */
    int64_t groups; /* G */
    int64_t size;   /* E */
    uint16_t *y;    /* [L - from, H E] */
} attention_t;

/* Whether the processor multiplies in bfloat16 (AVX512-BF16); else attention takes two products in float32 for one */
void multiply_in_bfloat16(int able);
int multiplies_in_bfloat16(void);

/* Bytes that attend() works in, with so many threads */
int64_t attention_bytes(const attention_t *a, int threads);
void attend(const attention_t *a, void *work, int threads);

/* y = x W^T for some rows, from an even number on, and one panel of outputs */
void int8_panel(const quantised_t *x, int64_t from, int64_t rows, int64_t inputs, const uint8_t *weight, const float *scales,
                const added_t *added, const results_t *y, int64_t panel, int64_t outputs);
void int4_panel(const quantised_t *x, int64_t from, int64_t rows, int64_t inputs, const uint8_t *weight, const added_t *added,
                const results_t *y, int64_t panel, int64_t outputs);

/* The same in bfloat16, for some places, from a multiple of 32 on; the weight lies as files have it, [N, K] */
void bfloat16_panel(const narrow_t *x, int64_t from, int64_t places, int64_t inputs, const rows_t *weight, const added_t *added,
                    const results_t *y, int64_t panel, int64_t outputs);

/*
 * The sums of a tile are variables of their own, not an array, which the compiler would write to memory at every step: a tile is a macro
 * over its rows, each of which has its number and that of the first of its pair.
 */
#define ROWS_1(M) M(0, 0)
#define ROWS_2(M) ROWS_1(M) M(1, 0)
#define ROWS_3(M) ROWS_2(M) M(2, 2)
#define ROWS_4(M) ROWS_3(M) M(3, 2)
#define ROWS_5(M) ROWS_4(M) M(4, 4)
#define ROWS_6(M) ROWS_5(M) M(5, 4)
#define ROWS_7(M) ROWS_6(M) M(6, 6)
#define ROWS_8(M) ROWS_7(M) M(7, 6)
#define ROWS_9(M) ROWS_8(M) M(8, 8)
#define ROWS_10(M) ROWS_9(M) M(9, 8)
#define ROWS_11(M) ROWS_10(M) M(10, 10)
#define ROWS_12(M) ROWS_11(M) M(11, 10)

/* Inputs of a pair of rows: those of the first at the even places */
static inline const int32_t *pair(const quantised_t *q, int64_t row) {
    return q->levels + row / 2 * q->stride;
}

/* sums + four products each of unsigned and signed bytes. GCC 12 keeps copies of the sums when it is told so by the intrinsic. */
static inline __m512i dot(__m512i sums, __m512i bytes, __m512i fours) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(bytes), "v"(fours));
    return sums;
}

/* sums + two products each of pairs of bfloat16 (AVX512-BF16) */
static inline __m512 dot2(__m512 sums, __m512i x, __m512i y) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(x), "v"(y));
    return sums;
}

/* bfloat16 from and to float32, sixteen at a time: to the nearest, half to even */
static inline __m512 widen(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

static inline __m256i narrow(__m512 x) {
    __m512i bits = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    rounded = _mm512_mask_set1_epi32(rounded, nan, 0x7fc00000);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}

/* Sixteen numbers of a row, those that the mask has */
static inline __m512 load16(const uint16_t *from, __mmask16 mask) {
    return widen(_mm256_maskz_loadu_epi16(mask, from));
}

static inline void store16(uint16_t *to, __mmask16 mask, __m512 x) {
    _mm256_mask_storeu_epi16(to, mask, narrow(x));
}

static inline const uint16_t *row_of(const rows_t *x, int64_t row) {
    return x->data + row * x->stride;
}

/* Sixteen results of a row from column `at` on, with what is added to them */
static inline void put(const results_t *y, const added_t *added, int64_t row, int64_t at, __mmask16 mask, __m512 x) {
    if (added->bias) {
        x = _mm512_add_ps(x, load16(added->bias + at, mask));
    }
    if (added->residual.data) {
        x = _mm512_add_ps(x, load16(row_of(&added->residual, row) + at, mask));
    }
    int64_t place = row * y->stride + at;
    if (y->wide) {
        _mm512_mask_storeu_ps((float *) y->data + place, mask, x);
    } else {
        store16((uint16_t *) y->data + place, mask, x);
    }
}

/* The sums of sixteen vectors, each in its place: adds halves of two vectors in one, four times */
static inline __m512 sums_of(const __m512 v[16]) {
    __m512 a[8];
    __m512 b[4];
    __m512 c[2];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        a[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44), _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* quarters of vectors i, i + 8, i + 4, i + 12, once added */
        b[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a[i], a[i + 4], 0x88), _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd));
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        c[i] = _mm512_add_ps(_mm512_unpacklo_ps(b[i], b[i + 2]), _mm512_unpackhi_ps(b[i], b[i + 2]));
    }
    __m512 d = _mm512_add_ps(_mm512_unpacklo_ps(c[0], c[1]), _mm512_unpackhi_ps(c[0], c[1]));
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15);
    return _mm512_permutexvar_ps(order, d);
}

/* Of sixteen vectors the first places, then the second ones, and so on: rows become columns */
static inline void transpose(__m512 v[16]) {
    __m512 a[16];
    __m512 b[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) { /* quarter q of a[i + j]: place 4 q + j of rows i to i + 3 */
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++) {
            __m512d x = _mm512_castps_pd(b[i + j]);
            __m512d y = _mm512_castps_pd(b[i + j + 2]);
            a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
            a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        __m512 even0 = _mm512_shuffle_f32x4(a[j], a[4 + j], 0x88);
        __m512 even1 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0x88);
        __m512 odd0 = _mm512_shuffle_f32x4(a[j], a[4 + j], 0xdd);
        __m512 odd1 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0xdd);
        v[j] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        v[j + 4] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        v[j + 8] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        v[j + 12] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
}

extern int omp_get_thread_num(void);

static inline int64_t up(int64_t count, int64_t to) {
    return (count + to - 1) / to * to;
}

static inline __mmask16 first(int64_t count) {
    return count >= 16 ? (__mmask16) 0xffff : count <= 0 ? 0 : (__mmask16) ((1u << count) - 1);
}

/* The same of 32 numbers */
static inline __mmask32 first32(int64_t count) {
    return count >= 32 ? 0xffffffffu : count <= 0 ? 0 : (1u << count) - 1;
}

/* e to the x, to some 2e-7 of it: 2 to a whole number times a polynomial of the rest (Cephes' expf) */
static inline __m512 exponential(__m512 x) {
    /* The bound stands first: of two operands of which one is no number the second is the result, and none shall stay none. */
    x = _mm512_min_ps(_mm512_set1_ps(89.f), _mm512_max_ps(_mm512_set1_ps(-104.f), x));
    __m512 whole = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 8);
    __m512 rest = _mm512_fnmadd_ps(whole, _mm512_set1_ps(-2.12194440e-4f), _mm512_fnmadd_ps(whole, _mm512_set1_ps(0.693359375f), x));
    __m512 y = _mm512_set1_ps(1.9875691500e-4f);
    y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(1.3981999507e-3f));
    y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(8.3334519073e-3f));
    y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(4.1665795894e-2f));
    y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(1.6666665459e-1f));
    y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(5.0000001201e-1f));
    y = _mm512_fmadd_ps(y, _mm512_mul_ps(rest, rest), _mm512_add_ps(rest, _mm512_set1_ps(1.f)));
    return _mm512_scalef_ps(y, whole);
}

#endif
