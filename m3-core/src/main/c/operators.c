/*
 * The kernels as operators of libtorch, "m3j::...", by its C interface for libraries that were built without it (tensors.h). The program of
 * m3-core calls them like any other; nothing here knows of Java but the functions at the end.
 *
 * An operator owns the tensors that it is given and gives one away. It cannot report an error, so what does not fit gives a tensor without
 * numbers, which the program's next step refuses.
 */
#include "tensors.h"

typedef struct opaque_library *library_t;

extern int32_t aoti_torch_library_init_def(const char *name, const char *file, uint32_t line, library_t *made);
extern int32_t aoti_torch_library_init_impl(const char *name, const char *key, const char *file, uint32_t line, library_t *made);
extern int32_t aoti_torch_library_def(library_t library, const char *schema);
extern int32_t aoti_torch_library_impl(library_t library, const char *name,
                                       void (*call)(value_t *stack, uint64_t inputs, uint64_t outputs));

_Atomic int threads = 1;

/* Attention of some sequences of one length, whose rows stand behind one another in qkv and in the result */
static tensor_t attended(tensor_t made, attention_t *a, int64_t sequences) {
    int used = a->rows * (a->position + a->rows) * a->heads * a->size < WORTH_A_THREAD ? 1 : threads;
    tensor_t room = made ? empty(1, attention_bytes(a, used), UINT8) : 0;
    if (!room) {
        return refuse(made);
    }
    const uint16_t *qkv = a->qkv.data;
    for (int64_t i = 0; i < sequences; i++) {
        a->y = (uint16_t *) data_of(made) + i * (a->rows - a->from) * a->heads * a->size;
        if (!a->cosine) {
            a->qkv.data = qkv + i * a->rows * a->qkv.stride;
            a->keys = (uint16_t *) a->qkv.data + a->heads * a->size;
            a->values = a->keys + a->groups * a->size;
        }
        attend(a, data_of(room), used);
    }
    aoti_torch_delete_tensor_object(room);
    return made;
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
        .of_group = size_of(keys, 1) * size_of(keys, 2),
        .of_position = size_of(keys, 2),
        .position = (int64_t) stack[5],
        .rows = size_of(qkv, 0),
        .heads = (int64_t) stack[6],
        .groups = size_of(keys, 0),
        .size = size_of(keys, 2),
    };
    a.from = truth_of(stack[7]) ? a.rows - 1 : 0;
    int64_t capacity = size_of(keys, 1);
    int64_t columns = (a.heads + 2 * a.groups) * a.size;
    if (a.groups <= 0 || a.heads <= 0 || a.heads % a.groups || a.size <= 0 || a.size % 2 || a.rows <= 0 || a.position < 0
        || a.position + a.rows > capacity || !is_matrix(qkv, BFLOAT16, a.rows, columns) || !is_cache(keys, a.groups, capacity, a.size)
        || !is_cache(values, a.groups, capacity, a.size) || !holds(cosine, BFLOAT16, a.rows * a.size)
        || !holds(sine, BFLOAT16, a.rows * a.size)) {
        return nothing();
    }
    tensor_t made = empty(a.rows - a.from, a.heads * a.size, BFLOAT16);
    return attended(made, &a, 1);
}

static void attend_rows(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    give(stack, inputs, 5, attention(stack));
}

/* attend_all of the schema below */
static tensor_t attention_to_all(const value_t *stack) {
    tensor_t qkv = tensor_of(stack[0]);
    int64_t sequences = (int64_t) stack[1];
    int64_t heads = (int64_t) stack[2];
    int64_t rows = size_of(qkv, 0);
    int64_t columns = size_of(qkv, 1);
    if (sequences <= 0 || heads <= 0 || rows <= 0 || rows % sequences || columns <= 0 || columns % (3 * heads)
        || !is_matrix(qkv, BFLOAT16, rows, columns)) {
        return nothing();
    }
    attention_t a = {
        .qkv = rows_in(qkv),
        .rows = rows / sequences,
        .heads = heads,
        .groups = heads,
        .size = columns / (3 * heads),
    };
    a.of_group = a.size;
    a.of_position = a.qkv.stride;
    return attended(empty(rows, columns / 3, BFLOAT16), &a, sequences);
}

static void attend_all(value_t *stack, uint64_t inputs, uint64_t outputs) {
    (void) outputs;
    give(stack, inputs, 1, attention_to_all(stack));
}

static const struct {
    const char *schema;
    const char *name;
    void (*call)(value_t *, uint64_t, uint64_t);
} OPERATORS[] = {
    /* y [R, N] = input(x) W^T + bias + residual; weight as int8.c has it, [N, K] of a storage that goes on to a whole panel; scales [N] */
    {"linear8(Tensor x, Tensor weight, Tensor scales, Tensor bias, Tensor residual, Tensor norm, Tensor norm_bias, int input, float "
     "epsilon, "
     "bool wide) -> Tensor",
     "linear8", linear8},
    /* The same; weight as int4.c has it, [N, 5 K / 8]; scales are in it */
    {"linear4(Tensor x, Tensor weight, Tensor scales, Tensor bias, Tensor residual, Tensor norm, Tensor norm_bias, int input, float "
     "epsilon, "
     "bool wide) -> Tensor",
     "linear4", linear4},
    /* The same of up to three weights [N, K] in bfloat16, whose outputs stand behind one another; those that there are not are empty.
     * lengths: rows of each sequence, whose results do not depend on the other sequences; empty for one */
    {"linear16(Tensor x, Tensor lengths, Tensor weight, Tensor bias, Tensor second, Tensor second_bias, Tensor third, Tensor third_bias, "
     "Tensor residual, "
     "Tensor norm, Tensor norm_bias, int input, float epsilon, bool wide) -> Tensor",
     "linear16", linear16},
    /* qkv [L, (H + 2G) E], cosine and sine of L E numbers, keys and values [G, capacity, E] -> [L, H E], or of the last row alone */
    {"attend(Tensor qkv, Tensor cosine, Tensor sine, Tensor(a!) keys, Tensor(b!) values, int position, int heads, bool last) -> Tensor",
     "attend", attend_rows},
    /* qkv [T L, 3 H E], T sequences whose rows see all of their own -> [T L, H E] */
    {"attend_all(Tensor qkv, int sequences, int heads) -> Tensor", "attend_all", attend_all},
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
