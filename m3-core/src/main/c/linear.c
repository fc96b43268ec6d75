/* Linear layers as operators: what their rows go through before, the products, and what is added to them. */
#include "tensors.h"

/* Rows that one task takes, a multiple of those that go together: weights of a panel are read once for each. Up to so many, reading weights
 * takes much of the time, and each thread reads a part of them from end to end; beyond, tasks are shared out as threads come to them. */
#define ROWS_OF_A_TASK 240
#define ROWS_OF_A_TASK_16 256

/* Inputs of a layer in 8 and 4 bits, so that the sums of its products fit 32 bits */
#define MOST_INPUTS (1 << 17)

/* Weights of one input that stand in their own places, and whose outputs stand behind one another */
#define MOST_PARTS 3

/* As the operator is given them */
typedef struct {
    tensor_t weight;
    tensor_t scales; /* in 8 bits */
    tensor_t bias;
} weight_t;

typedef struct {
    int bits;
    int parts;
    weight_t part[MOST_PARTS];
    tensor_t x;
    tensor_t lengths; /* in 16: rows of each sequence, or empty for one */
    tensor_t residual;
    tensor_t norm;
    tensor_t norm_bias;
    int64_t kind;
    float epsilon;
    int wide;
} layer_t;

/* Results of one weight */
typedef struct {
    rows_t weight;
    const float *scales;
    added_t added;
    results_t y;
    int64_t outputs;
    int64_t panels;
} part_t;

typedef struct {
    int bits;
    int64_t rows;
    int64_t inputs;
    quantised_t levels; /* in 8 and 4 bits */
    narrow_t narrow;    /* in 16 */
    part_t part[MOST_PARTS];
} product_t;

static int64_t rows_of_a_task(const product_t *p) {
    return p->bits == 16 ? ROWS_OF_A_TASK_16 : ROWS_OF_A_TASK;
}

static int64_t chunks_of(const product_t *p) {
    return up(p->rows, rows_of_a_task(p)) / rows_of_a_task(p);
}

/* Some rows times a panel of outputs */
static void run(const product_t *p, int64_t task) {
    int64_t panel = task / chunks_of(p);
    int64_t from = task % chunks_of(p) * rows_of_a_task(p);
    int64_t some = p->rows - from < rows_of_a_task(p) ? p->rows - from : rows_of_a_task(p);
    const part_t *part = p->part;
    while (panel >= part->panels) {
        panel -= part->panels;
        part++;
    }
    const uint8_t *packed = (const uint8_t *) part->weight.data;
    if (p->bits == 16) {
        bfloat16_panel(&p->narrow, from, some, p->inputs, &part->weight, &part->added, &part->y, panel, part->outputs);
    } else if (p->bits == 8) {
        int8_panel(&p->levels, from, some, p->inputs, packed, part->scales, &part->added, &part->y, panel, part->outputs);
    } else {
        int4_panel(&p->levels, from, some, p->inputs, packed, &part->added, &part->y, panel, part->outputs);
    }
}

/* A row into the form that the products take. work: room for K numbers, rounded up to GROUP */
static void prepare(product_t *p, int64_t row, const input_t *input, float *work) {
    if (p->bits == 16) {
        narrow_row(&p->narrow, row, input, work);
    } else {
        quantise_row(&p->levels, row, input, work, p->bits == 4);
    }
}

static int weight_fits(const layer_t *l, const weight_t *w, int64_t inputs) {
    int64_t outputs = size_of(w->weight, 0);
    if (count_of(w->bias) > 0 && !holds(w->bias, BFLOAT16, outputs)) {
        return 0;
    }
    switch (l->bits) {
    case 16:
        return multiplies_in_bfloat16() && is_matrix(w->weight, BFLOAT16, outputs, inputs);
    case 8:
        return holds(w->scales, FLOAT32, outputs) && is_packed(w->weight, outputs, up(inputs, 4));
    default:
        return inputs % GROUP == 0 && is_packed(w->weight, outputs, inputs / 2 + inputs / 8);
    }
}

static int kind_fits(const layer_t *l, int64_t columns, int64_t inputs) {
    switch (l->kind) {
    case LAYER_NORM:
        return holds(l->norm, BFLOAT16, inputs) && holds(l->norm_bias, BFLOAT16, inputs);
    case RMS_NORM:
        return holds(l->norm, BFLOAT16, inputs);
    case SILU_GATE:
        return columns % 2 == 0;
    default:
        return l->kind >= 0 && l->kind < INPUTS;
    }
}

static int lengths_fit(const layer_t *l, int64_t rows) {
    if (l->bits != 16 || count_of(l->lengths) == 0) {
        return 1;
    }
    int64_t sequences = count_of(l->lengths);
    int fits = holds(l->lengths, INT64, sequences);
    const int64_t *lengths = data_of(l->lengths);
    for (int64_t i = 0; fits && i < sequences; i++) {
        fits = lengths[i] >= 0 && lengths[i] <= rows;
        rows -= lengths[i];
    }
    return fits && rows == 0;
}

static tensor_t multiply(const layer_t *l) {
    int64_t rows = size_of(l->x, 0);
    int64_t columns = size_of(l->x, 1);
    int64_t inputs = l->kind == SILU_GATE ? columns / 2 : columns;
    int64_t outputs = 0;
    int has_residual = count_of(l->residual) > 0;
    int fits = inputs > 0 && (l->bits == 16 || inputs <= MOST_INPUTS) && is_matrix(l->x, BFLOAT16, rows, columns)
               && kind_fits(l, columns, inputs) && lengths_fit(l, rows);
    for (int i = 0; fits && i < l->parts; i++) {
        fits = weight_fits(l, &l->part[i], inputs);
        outputs += size_of(l->part[i].weight, 0);
    }
    if (!fits || (has_residual && (l->parts > 1 || !is_matrix(l->residual, BFLOAT16, rows, outputs)))) {
        return nothing();
    }
    int used = rows * outputs * inputs < WORTH_A_THREAD ? 1 : threads;
    int64_t padded = up(inputs, GROUP);
    int64_t prepared = up(l->bits == 16 ? narrow_bytes(rows, inputs) : quantised_bytes(rows, inputs), 64);
    tensor_t made = empty(rows, outputs, l->wide ? FLOAT32 : BFLOAT16);
    tensor_t room = made ? empty(1, prepared + used * padded * 4, UINT8) : 0;
    if (!room) {
        return refuse(made);
    }
    input_t input = {rows_in(l->x), inputs, (int) l->kind, data_of(l->norm), data_of(l->norm_bias), l->epsilon};
    float *work = (float *) ((char *) data_of(room) + prepared);
    product_t product = {.bits = l->bits, .rows = rows, .inputs = inputs};
    if (l->bits == 16) {
        int64_t sequences = count_of(l->lengths);
        const int64_t *lengths = sequences ? data_of(l->lengths) : &rows;
        narrow_at(&product.narrow, data_of(room), rows, inputs, lengths, sequences ? sequences : 1);
    } else {
        quantised_at(&product.levels, data_of(room), rows, inputs);
    }
    int64_t panels = 0;
    int64_t at = 0;
    for (int i = 0; i < l->parts; i++) {
        const weight_t *w = &l->part[i];
        part_t *part = &product.part[i];
        part->weight = rows_in(w->weight);
        part->scales = l->bits == 8 ? data_of(w->scales) : 0;
        part->outputs = size_of(w->weight, 0);
        part->panels = up(part->outputs, PANEL) / PANEL;
        part->added.bias = count_of(w->bias) > 0 ? data_of(w->bias) : 0;
        if (has_residual) {
            part->added.residual = rows_in(l->residual);
        }
        part->y = (results_t){(char *) data_of(made) + at * (l->wide ? 4 : 2), outputs, l->wide};
        panels += part->panels;
        at += part->outputs;
    }
    int64_t tasks = panels * chunks_of(&product);
    if (rows == 1) {
        prepare(&product, 0, &input, work);
    }
#pragma omp parallel num_threads(used)
    {
        if (rows > 1) {
            float *mine = work + omp_get_thread_num() * padded;
/* By two, which lie together in 8 and 4 bits: two threads do not write to the same line. */
#pragma omp for schedule(static)
            for (int64_t pair = 0; pair < (rows + 1) / 2; pair++) {
                for (int64_t r = 2 * pair; r < rows && r < 2 * pair + 2; r++) {
                    prepare(&product, r, &input, mine);
                }
            }
        }
        if (l->bits == 16) {
#pragma omp for schedule(static)
            for (int64_t i = 0; i < product.narrow.count / ROW_BLOCK * (padded / GROUP); i++) {
                narrow_pairs(&product.narrow, i / (padded / GROUP), i % (padded / GROUP) * GROUP);
            }
        }
        if (rows <= rows_of_a_task(&product)) {
#pragma omp for schedule(static)
            for (int64_t task = 0; task < tasks; task++) {
                run(&product, task);
            }
        } else {
#pragma omp for schedule(dynamic, 1)
            for (int64_t task = 0; task < tasks; task++) {
                run(&product, task);
            }
        }
    }
    aoti_torch_delete_tensor_object(room);
    return made;
}

/* residual, norm, norm_bias, input, epsilon and wide of a schema, from its place `at` on */
static void read_rest(layer_t *l, const value_t *stack, int at) {
    double epsilon;
    __builtin_memcpy(&epsilon, &stack[at + 4], sizeof epsilon);
    l->x = tensor_of(stack[0]);
    l->residual = tensor_of(stack[at]);
    l->norm = tensor_of(stack[at + 1]);
    l->norm_bias = tensor_of(stack[at + 2]);
    l->kind = (int64_t) stack[at + 3];
    l->epsilon = (float) epsilon;
    l->wide = truth_of(stack[at + 5]);
}

static void quantised(value_t *stack, uint64_t inputs, int bits) {
    layer_t l = {.bits = bits, .parts = 1, .part = {{tensor_of(stack[1]), tensor_of(stack[2]), tensor_of(stack[3])}}};
    read_rest(&l, stack, 4);
    give(stack, inputs, 7, multiply(&l));
}

void linear8(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    quantised(stack, inputs, 8);
}

void linear4(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    quantised(stack, inputs, 4);
}

void linear16(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    layer_t l = {.bits = 16};
    for (int i = 0; i < MOST_PARTS; i++) {
        tensor_t weight = tensor_of(stack[2 + 2 * i]);
        if (count_of(weight) > 0) {
            l.part[l.parts++] = (weight_t){weight, 0, tensor_of(stack[3 + 2 * i])};
        }
    }
    l.lengths = tensor_of(stack[1]);
    read_rest(&l, stack, 8);
    give(stack, inputs, 11, multiply(&l));
}
