/*
 * The kernels as operators of libtorch, "m3j::...", by its C interface for libraries that were built without it
 * (torch/csrc/inductor/aoti_torch/c/shim.h, from libtorch 2.7 on). The program of m3-core calls them like any other; nothing here knows of
 * Java but the functions at the end.
 *
 * An operator owns the tensors that it is given and gives one away. It cannot report an error, so what does not fit gives a tensor without
 * numbers, which the program's next step refuses.
 */
#include "kernels.h"

typedef struct opaque_tensor *tensor_t;
typedef struct opaque_library *library_t;
typedef uint64_t value_t;

extern int32_t aoti_torch_delete_tensor_object(tensor_t tensor);
extern int32_t aoti_torch_get_data_ptr(tensor_t tensor, void **data);
extern int32_t aoti_torch_get_dtype(tensor_t tensor, int32_t *type);
extern int32_t aoti_torch_get_dim(tensor_t tensor, int64_t *dimensions);
extern int32_t aoti_torch_get_numel(tensor_t tensor, int64_t *count);
extern int32_t aoti_torch_get_size(tensor_t tensor, int64_t dimension, int64_t *size);
extern int32_t aoti_torch_get_storage_size(tensor_t tensor, int64_t *bytes);
extern int32_t aoti_torch_get_storage_offset(tensor_t tensor, int64_t *elements);
extern int32_t aoti_torch_get_stride(tensor_t tensor, int64_t dimension, int64_t *stride);
extern int32_t aoti_torch_empty_strided(int64_t dimensions, const int64_t *sizes, const int64_t *strides, int32_t type, int32_t device,
                                        int32_t index, tensor_t *made);
extern int32_t aoti_torch_library_init_def(const char *name, const char *file, uint32_t line, library_t *made);
extern int32_t aoti_torch_library_init_impl(const char *name, const char *key, const char *file, uint32_t line, library_t *made);
extern int32_t aoti_torch_library_def(library_t library, const char *schema);
extern int32_t aoti_torch_library_impl(library_t library, const char *name,
                                       void (*call)(value_t *stack, uint64_t inputs, uint64_t outputs));

/* c10/core/ScalarType.h */
enum { UINT8 = 0, FLOAT32 = 6, BFLOAT16 = 15 };

/* Below so many products of one number with another a second thread costs more than it saves. */
#define WORTH_A_THREAD (1 << 18)

/* Rows that one task takes: weights of a panel are read once for each. Up to so many, reading weights takes much of the time, and each
 * thread reads a part of them from end to end; beyond, tasks are shared out as threads come to them. */
#define ROWS_OF_A_TASK 240

/* Inputs of a layer, so that the sums of its products fit 32 bits */
#define MOST_INPUTS (1 << 17)

static _Atomic int threads = 1;

static tensor_t tensor_of(value_t value) {
    return (tensor_t) (uintptr_t) value;
}

/* Of a truth value only the first byte is written. */
static int truth_of(value_t value) {
    return (uint8_t) value != 0;
}

static void *data_of(tensor_t tensor) {
    void *data = 0;
    aoti_torch_get_data_ptr(tensor, &data);
    return data;
}

static int64_t size_of(tensor_t tensor, int64_t dimension) {
    int64_t size = 0;
    aoti_torch_get_size(tensor, dimension, &size);
    return size;
}

static int64_t count_of(tensor_t tensor) {
    int64_t count = 0;
    aoti_torch_get_numel(tensor, &count);
    return count;
}

static int32_t type_of(tensor_t tensor) {
    int32_t type = -1;
    aoti_torch_get_dtype(tensor, &type);
    return type;
}

/* The last dimension is contiguous: the program sees to it. */
static rows_t rows_in(tensor_t tensor) {
    rows_t rows = {data_of(tensor), 0};
    aoti_torch_get_stride(tensor, 0, &rows.stride);
    return rows;
}

static tensor_t empty(int64_t rows, int64_t columns, int32_t type) {
    int64_t sizes[2] = {rows, columns};
    int64_t strides[2] = {columns, 1};
    tensor_t made = 0;
    aoti_torch_empty_strided(2, sizes, strides, type, 0, -1, &made);
    return made;
}

/* A tensor of no numbers, in the place of a result */
static tensor_t nothing(void) {
    return empty(0, 0, BFLOAT16);
}

/* For want of memory */
static tensor_t refuse(tensor_t made) {
    if (made) {
        aoti_torch_delete_tensor_object(made);
    }
    return nothing();
}

static void give(value_t *stack, uint64_t inputs, uint64_t tensors, tensor_t result) {
    for (uint64_t i = 0; i < tensors && i < inputs; i++) {
        aoti_torch_delete_tensor_object(tensor_of(stack[i]));
    }
    stack[0] = (value_t) (uintptr_t) result;
}

/* Whether the numbers lie behind one another, from a dimension on */
static int is_dense(tensor_t tensor, int64_t from) {
    int64_t dimensions = 0;
    int64_t stride = 1;
    aoti_torch_get_dim(tensor, &dimensions);
    for (int64_t i = dimensions - 1; i >= from; i--) {
        int64_t found = 0;
        aoti_torch_get_stride(tensor, i, &found);
        if (size_of(tensor, i) != 1 && found != stride) {
            return 0;
        }
        stride *= size_of(tensor, i);
    }
    return 1;
}

/* So many numbers of a type, behind one another */
static int holds(tensor_t tensor, int32_t type, int64_t count) {
    return type_of(tensor) == type && count_of(tensor) == count && is_dense(tensor, 0);
}

/* [rows, columns] of a type, the numbers of a row behind one another */
static int is_matrix(tensor_t tensor, int32_t type, int64_t rows, int64_t columns) {
    int64_t dimensions = 0;
    aoti_torch_get_dim(tensor, &dimensions);
    return dimensions == 2 && type_of(tensor) == type && size_of(tensor, 0) == rows && size_of(tensor, 1) == columns && is_dense(tensor, 1);
}

/* Whether a packed weight [outputs, packed] goes on to the end of its last panel */
static int is_packed(tensor_t weight, int64_t outputs, int64_t packed) {
    int64_t bytes = 0;
    int64_t offset = 0;
    aoti_torch_get_storage_size(weight, &bytes);
    aoti_torch_get_storage_offset(weight, &offset);
    return is_matrix(weight, UINT8, outputs, packed) && is_dense(weight, 0) && bytes - offset >= up(outputs, PANEL) * packed;
}

/* [G, capacity, E] */
static int is_cache(tensor_t tensor, int64_t groups, int64_t capacity, int64_t size) {
    int64_t dimensions = 0;
    aoti_torch_get_dim(tensor, &dimensions);
    return dimensions == 3 && size_of(tensor, 0) == groups && size_of(tensor, 1) == capacity && size_of(tensor, 2) == size
           && holds(tensor, BFLOAT16, groups * capacity * size);
}

typedef struct {
    int bits;
    int64_t rows;
    int64_t inputs;
    int64_t outputs;
    const quantised_t *x;
    const uint8_t *weight;
    const float *scales;
    const added_t *added;
    const results_t *y;
} product_t;

static int64_t chunks_of(const product_t *p) {
    return (p->rows + ROWS_OF_A_TASK - 1) / ROWS_OF_A_TASK;
}

/* Some rows times a panel of outputs */
static void run(const product_t *p, int64_t task) {
    int64_t panel = task / chunks_of(p);
    int64_t from = task % chunks_of(p) * ROWS_OF_A_TASK;
    int64_t some = p->rows - from < ROWS_OF_A_TASK ? p->rows - from : ROWS_OF_A_TASK;
    if (p->bits == 8) {
        int8_panel(p->x, from, some, p->inputs, p->weight, p->scales, p->added, p->y, panel, p->outputs);
    } else {
        int4_panel(p->x, from, some, p->inputs, p->weight, p->added, p->y, panel, p->outputs);
    }
}

/* linear8 and linear4 of the schema below */
static tensor_t linear(const value_t *stack, int bits) {
    tensor_t x = tensor_of(stack[0]);
    tensor_t weight = tensor_of(stack[1]);
    tensor_t scales = tensor_of(stack[2]);
    tensor_t bias = tensor_of(stack[3]);
    tensor_t residual = tensor_of(stack[4]);
    tensor_t norm = tensor_of(stack[5]);
    int64_t kind = (int64_t) stack[6];
    int wide = truth_of(stack[8]);
    double epsilon;
    __builtin_memcpy(&epsilon, &stack[7], sizeof epsilon);

    int64_t rows = size_of(x, 0);
    int64_t columns = size_of(x, 1);
    int64_t inputs = kind == SILU_GATE ? columns / 2 : columns;
    int64_t outputs = size_of(weight, 0);
    int64_t panels = (outputs + PANEL - 1) / PANEL;
    int64_t packed = bits == 8 ? (inputs + 3) / 4 * 4 : inputs / 2 + inputs / 8;
    int has_bias = count_of(bias) > 0;
    int has_residual = count_of(residual) > 0;
    int scales_fit = bits == 8 ? holds(scales, FLOAT32, outputs) : inputs % GROUP == 0;
    int kind_fits = kind == AS_IT_IS || (kind == RMS_NORM && holds(norm, BFLOAT16, inputs)) || (kind == SILU_GATE && columns % 2 == 0);
    if (inputs <= 0 || inputs > MOST_INPUTS || !scales_fit || !kind_fits || !is_packed(weight, outputs, packed)
        || !is_matrix(x, BFLOAT16, rows, columns) || (has_bias && !holds(bias, BFLOAT16, outputs))
        || (has_residual && !is_matrix(residual, BFLOAT16, rows, outputs))) {
        return nothing();
    }
    int used = rows * outputs * inputs < WORTH_A_THREAD ? 1 : threads;
    int64_t padded = up(inputs, GROUP);
    int64_t levels_bytes = up(quantised_bytes(rows, inputs), 64);
    tensor_t made = empty(rows, outputs, wide ? FLOAT32 : BFLOAT16);
    tensor_t room = made ? empty(1, levels_bytes + used * padded * 4, UINT8) : 0;
    if (!room) {
        return refuse(made);
    }
    results_t y = {data_of(made), outputs, wide};
    input_t input = {rows_in(x), inputs, (int) kind, data_of(norm), (float) epsilon};
    added_t added = {has_bias ? data_of(bias) : 0, {0, 0}};
    if (has_residual) {
        added.residual = rows_in(residual);
    }
    float *work = (float *) ((char *) data_of(room) + levels_bytes);
    quantised_t levels;
    quantised_at(&levels, data_of(room), rows, inputs);

    product_t product = {bits, rows, inputs, outputs, &levels, data_of(weight), data_of(scales), &added, &y};
    int64_t tasks = panels * chunks_of(&product);
    if (rows == 1) {
        quantise_row(&levels, 0, &input, work, bits == 4);
    }
#pragma omp parallel num_threads(used)
    {
        if (rows > 1) {
            float *mine = work + omp_get_thread_num() * padded;
#pragma omp for schedule(static)
            for (int64_t pair = 0; pair < (rows + 1) / 2; pair++) {
                for (int64_t r = 2 * pair; r < rows && r < 2 * pair + 2; r++) {
                    quantise_row(&levels, r, &input, mine, bits == 4);
                }
            }
        }
        if (rows <= ROWS_OF_A_TASK) {
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

static void linear8(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    give(stack, inputs, 6, linear(stack, 8));
}

static void linear4(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    give(stack, inputs, 6, linear(stack, 4));
}

static tensor_t attention(const value_t *stack) {
    tensor_t qkv = tensor_of(stack[0]);
    tensor_t cosine = tensor_of(stack[1]);
    tensor_t sine = tensor_of(stack[2]);
    tensor_t keys = tensor_of(stack[3]);
    tensor_t values = tensor_of(stack[4]);
    attention_t a = {
        .qkv = rows_in(qkv),
        .cosine = data_of(cosine),
        .sine = data_of(sine),
        .keys = data_of(keys),
        .values = data_of(values),
        .capacity = size_of(keys, 1),
        .position = (int64_t) stack[5],
        .rows = size_of(qkv, 0),
        .heads = (int64_t) stack[6],
        .groups = size_of(keys, 0),
        .size = size_of(keys, 2),
    };
    a.from = truth_of(stack[7]) ? a.rows - 1 : 0;
    int64_t columns = (a.heads + 2 * a.groups) * a.size;
    if (a.groups <= 0 || a.heads <= 0 || a.heads % a.groups || a.size <= 0 || a.size % 2 || a.rows <= 0 || a.position < 0
        || a.position + a.rows > a.capacity || !is_matrix(qkv, BFLOAT16, a.rows, columns) || !is_cache(keys, a.groups, a.capacity, a.size)
        || !is_cache(values, a.groups, a.capacity, a.size) || !holds(cosine, BFLOAT16, a.rows * a.size)
        || !holds(sine, BFLOAT16, a.rows * a.size)) {
        return nothing();
    }
    int used = a.rows * (a.position + a.rows) * a.heads * a.size < WORTH_A_THREAD ? 1 : threads;
    tensor_t made = empty(a.rows - a.from, a.heads * a.size, BFLOAT16);
    tensor_t room = made ? empty(1, attention_bytes(&a, used), UINT8) : 0;
    if (!room) {
        return refuse(made);
    }
    a.y = data_of(made);
    attend(&a, data_of(room), used);
    aoti_torch_delete_tensor_object(room);
    return made;
}

static void attend_rows(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    give(stack, inputs, 5, attention(stack));
}

static const struct {
    const char *schema;
    const char *name;
    void (*call)(value_t *, uint64_t, uint64_t);
} OPERATORS[] = {
    /* y [R, N] = input(x) W^T + bias + residual; weight as int8.c has it, [N, K] of a storage that goes on to a whole panel; scales [N] */
    {"linear8(Tensor x, Tensor weight, Tensor scales, Tensor bias, Tensor residual, Tensor norm, int input, float epsilon, bool wide) -> "
     "Tensor",
     "linear8", linear8},
    /* The same; weight as int4.c has it, [N, 5 K / 8]; scales are in it */
    {"linear4(Tensor x, Tensor weight, Tensor scales, Tensor bias, Tensor residual, Tensor norm, int input, float epsilon, bool wide) -> "
     "Tensor",
     "linear4", linear4},
    /* qkv [L, (H + 2G) E], cosine and sine of L E numbers, keys and values [G, capacity, E] -> [L, H E], or of the last row alone */
    {"attend(Tensor qkv, Tensor cosine, Tensor sine, Tensor(a!) keys, Tensor(b!) values, int position, int heads, bool last) -> Tensor",
     "attend", attend_rows},
};

/* Which sources this was built from: their SHA-256, which a test reads in the file */
__attribute__((used, visibility("default"))) const char m3j_sources[] = "m3j-sources:" SOURCES;

static int registers(void) {
    library_t schemas = 0;
    library_t kernels = 0;
    if (aoti_torch_library_init_def("m3j", __FILE__, __LINE__, &schemas)
        || aoti_torch_library_init_impl("m3j", "CPU", __FILE__, __LINE__, &kernels)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof OPERATORS / sizeof *OPERATORS; i++) {
        if (aoti_torch_library_def(schemas, OPERATORS[i].schema)
            || aoti_torch_library_impl(kernels, OPERATORS[i].name, OPERATORS[i].call)) {
            return 0;
        }
    }
    return 1; /* the libraries stay as long as the process */
}

/* Called by System.load: JNI_VERSION_1_8, or JNI_ERR where the operators cannot be registered. That the processor has the instructions was
 * asked before. */
__attribute__((visibility("default"))) int32_t JNI_OnLoad(void *machine, void *reserved) {
    (void) machine;
    (void) reserved;
    return registers() ? 0x00010008 : -1;
}

/* io.m3j.core.torch.NativeKernels.useThreads(int) */
__attribute__((visibility("default"))) void Java_io_m3j_core_torch_NativeKernels_useThreads(void *environment, void *type, int32_t count) {
    (void) environment;
    (void) type;
    threads = count < 1 ? 1 : count;
}

/* io.m3j.core.torch.NativeKernels.multiplyInBfloat16(boolean) */
__attribute__((visibility("default"))) void Java_io_m3j_core_torch_NativeKernels_multiplyInBfloat16(void *environment, void *type,
                                                                                                    uint8_t able) {
    (void) environment;
    (void) type;
    multiply_in_bfloat16(able);
}
