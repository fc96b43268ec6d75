package io.m3j.core.weights;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * One of the few classes and functions that PyTorch writes into the pickle of a weights file. The
 * names are those of torch/_utils.py, torch/storage.py and torch/_weights_only_unpickler.py.
 *
 * @param kind what it stands for
 * @param type the element type of a storage or dtype, else null
 */
record TorchGlobal(Kind kind, ElementType type) {

    /** What a name stands for. */
    enum Kind {
        /** {@code collections.OrderedDict}. */
        ORDERED_DICT,
        /** A tensor from storage, offset, shape, strides and what we do not need. */
        TENSOR,
        /** The same, followed by the element type: the storage is of bytes. */
        TYPED_TENSOR,
        /** A parameter from its tensor. */
        PARAMETER,
        /** A tensor of a subclass from function, class and arguments. */
        SUBCLASS,
        /** A class that is named but never called. */
        CLASS,
        /** {@code torch.Size}: the tuple itself. */
        SIZE,
        /** {@code torch.device}. */
        DEVICE,
        /** A storage of one element type. */
        STORAGE,
        /** A storage of bytes. */
        UNTYPED_STORAGE,
        /** An element type. */
        DTYPE
    }

    private static final Map<String, TorchGlobal> ALLOWED = allowed();

    /**
     * @param name module, a space and the name within it, as a pickle writes it
     * @return empty if a weights file has no need of it
     */
    static Optional<TorchGlobal> of(String name) {
        return Optional.ofNullable(ALLOWED.get(name));
    }

    private static Map<String, TorchGlobal> allowed() {
        Map<String, TorchGlobal> allowed = new HashMap<>();
        allowed.put("collections OrderedDict", new TorchGlobal(Kind.ORDERED_DICT, null));
        allowed.put("torch._utils _rebuild_tensor", new TorchGlobal(Kind.TENSOR, null));
        allowed.put("torch._utils _rebuild_tensor_v2", new TorchGlobal(Kind.TENSOR, null));
        allowed.put("torch._utils _rebuild_tensor_v3", new TorchGlobal(Kind.TYPED_TENSOR, null));
        allowed.put("torch._utils _rebuild_parameter", new TorchGlobal(Kind.PARAMETER, null));
        allowed.put(
                "torch._utils _rebuild_parameter_with_state",
                new TorchGlobal(Kind.PARAMETER, null));
        allowed.put("torch._tensor _rebuild_from_type_v2", new TorchGlobal(Kind.SUBCLASS, null));
        allowed.put("torch.nn.parameter Parameter", new TorchGlobal(Kind.CLASS, null));
        allowed.put("torch Tensor", new TorchGlobal(Kind.CLASS, null));
        allowed.put("torch Size", new TorchGlobal(Kind.SIZE, null));
        allowed.put("torch device", new TorchGlobal(Kind.DEVICE, null));
        for (String module : new String[] {"torch", "torch.cuda", "torch.storage"}) {
            allowed.put(module + " UntypedStorage", new TorchGlobal(Kind.UNTYPED_STORAGE, null));
        }
        names(allowed, ElementType.FLOAT64, "Double", "float64", "double");
        names(allowed, ElementType.FLOAT32, "Float", "float32", "float");
        names(allowed, ElementType.FLOAT16, "Half", "float16", "half");
        names(allowed, ElementType.BFLOAT16, "BFloat16", "bfloat16");
        names(allowed, ElementType.INT64, "Long", "int64", "long");
        names(allowed, ElementType.INT32, "Int", "int32", "int");
        names(allowed, ElementType.INT16, "Short", "int16", "short");
        names(allowed, ElementType.INT8, "Char", "int8");
        names(allowed, ElementType.UINT8, "Byte", "uint8");
        names(allowed, ElementType.BOOLEAN, "Bool", "bool");
        return Map.copyOf(allowed);
    }

    private static void names(
            Map<String, TorchGlobal> allowed, ElementType type, String storage, String... dtypes) {
        allowed.put("torch " + storage + "Storage", new TorchGlobal(Kind.STORAGE, type));
        allowed.put("torch.cuda " + storage + "Storage", new TorchGlobal(Kind.STORAGE, type));
        for (String dtype : dtypes) {
            allowed.put("torch " + dtype, new TorchGlobal(Kind.DTYPE, type));
        }
    }
}
