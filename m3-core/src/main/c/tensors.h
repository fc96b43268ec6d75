/* libtorch's tensors, by its C interface for libraries that were built without it (torch/csrc/inductor/aoti_torch/c/shim.h, from 2.7 on).
 */
#ifndef M3J_TENSORS_H
#define M3J_TENSORS_H

#include "kernels.h"

typedef struct opaque_tensor *tensor_t;
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

/* c10/core/ScalarType.h */
enum { UINT8 = 0, INT64 = 4, FLOAT32 = 6, BFLOAT16 = 15 };

/* Below so many products of one number with another a second thread costs more than it saves. */
#define WORTH_A_THREAD (1 << 18)

/* How many threads compute one operator */
extern _Atomic int threads;

static inline tensor_t tensor_of(value_t value) {
    return (tensor_t) (uintptr_t) value;
}

/* Of a truth value only the first byte is written. */
static inline int truth_of(value_t value) {
    return (uint8_t) value != 0;
}

static inline void *data_of(tensor_t tensor) {
    void *data = 0;
    aoti_torch_get_data_ptr(tensor, &data);
    return data;
}

static inline int64_t size_of(tensor_t tensor, int64_t dimension) {
    int64_t size = 0;
    aoti_torch_get_size(tensor, dimension, &size);
    return size;
}

static inline int64_t count_of(tensor_t tensor) {
    int64_t count = 0;
    aoti_torch_get_numel(tensor, &count);
    return count;
}

static inline int32_t type_of(tensor_t tensor) {
    int32_t type = -1;
    aoti_torch_get_dtype(tensor, &type);
    return type;
}

/* The last dimension is contiguous: the program sees to it. */
static inline rows_t rows_in(tensor_t tensor) {
    rows_t rows = {data_of(tensor), 0};
    aoti_torch_get_stride(tensor, 0, &rows.stride);
    return rows;
}

static inline tensor_t empty(int64_t rows, int64_t columns, int32_t type) {
    int64_t sizes[2] = {rows, columns};
    int64_t strides[2] = {columns, 1};
    tensor_t made = 0;
    aoti_torch_empty_strided(2, sizes, strides, type, 0, -1, &made);
    return made;
}

/* A tensor of no numbers, in the place of a result */
static inline tensor_t nothing(void) {
    return empty(0, 0, BFLOAT16);
}

/* For want of memory */
static inline tensor_t refuse(tensor_t made) {
    if (made) {
        aoti_torch_delete_tensor_object(made);
    }
    return nothing();
}

static inline void give(value_t *stack, uint64_t inputs, uint64_t tensors, tensor_t result) {
    for (uint64_t i = 0; i < tensors && i < inputs; i++) {
        aoti_torch_delete_tensor_object(tensor_of(stack[i]));
    }
    stack[0] = (value_t) (uintptr_t) result;
}

/* Whether the numbers lie behind one another, from a dimension on */
static inline int is_dense(tensor_t tensor, int64_t from) {
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
static inline int holds(tensor_t tensor, int32_t type, int64_t count) {
    return type_of(tensor) == type && count_of(tensor) == count && is_dense(tensor, 0);
}

/* [rows, columns] of a type, the numbers of a row behind one another */
static inline int is_matrix(tensor_t tensor, int32_t type, int64_t rows, int64_t columns) {
    int64_t dimensions = 0;
    aoti_torch_get_dim(tensor, &dimensions);
    return dimensions == 2 && type_of(tensor) == type && size_of(tensor, 0) == rows && size_of(tensor, 1) == columns && is_dense(tensor, 1);
}

/* Whether a packed weight [outputs, packed] goes on to the end of its last panel */
static inline int is_packed(tensor_t weight, int64_t outputs, int64_t packed) {
    int64_t bytes = 0;
    int64_t offset = 0;
    aoti_torch_get_storage_size(weight, &bytes);
    aoti_torch_get_storage_offset(weight, &offset);
    return is_matrix(weight, UINT8, outputs, packed) && is_dense(weight, 0) && bytes - offset >= up(outputs, PANEL) * packed;
}

/* [G, capacity, E] */
static inline int is_cache(tensor_t tensor, int64_t groups, int64_t capacity, int64_t size) {
    int64_t dimensions = 0;
    aoti_torch_get_dim(tensor, &dimensions);
    return dimensions == 3 && size_of(tensor, 0) == groups && size_of(tensor, 1) == capacity && size_of(tensor, 2) == size
           && holds(tensor, BFLOAT16, groups * capacity * size);
}

/* The operators of linear.c */
void linear8(value_t *stack, uint64_t inputs, uint64_t outputs);
void linear4(value_t *stack, uint64_t inputs, uint64_t outputs);
void linear16(value_t *stack, uint64_t inputs, uint64_t outputs);

#endif
