package io.m3j.core.weights;

import ai.djl.ndarray.types.Shape;
import io.m3j.core.M3Exception;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors in what a PyTorch file pickles. A dictionary that wraps the weights beside other
 * things (epoch, optimizer) is unwrapped; other nested dictionaries give dotted names; what is no
 * tensor is passed over, and so are tensors within lists.
 */
final class TorchStateDict {

    /** Usual names of the entry that holds the weights. */
    private static final List<String> WRAPPERS =
            List.of("state_dict", "model_state_dict", "model", "module");

    private static final int MAXIMUM_DEPTH = 32;
    private static final int MAXIMUM_ENTRIES = 1_000_000;
    private static final long MAXIMUM_NAME_CHARACTERS = 32L << 20;

    /** What views that repeat elements (stride 0) may cost beyond their storages. */
    static final long MAXIMUM_REPEATED_BYTES = 256L << 20;

    private final String where;
    private final Map<String, TensorView> tensors = new LinkedHashMap<>();
    private int entries;
    private long nameCharacters;
    private long repeatedBytes;

    private TorchStateDict(String where) {
        this.where = where;
    }

    static Map<String, TensorView> of(Object root, String where) {
        TorchStateDict result = new TorchStateDict(where);
        result.addAll("", result.unwrapped(root), 0);
        return result.tensors;
    }

    private Map<?, ?> unwrapped(Object root) {
        if (!(root instanceof Map<?, ?> dictionary)) {
            throw new M3Exception(
                    where
                            + ": holds "
                            + (root instanceof TensorView ? "a single tensor" : "an object")
                            + ", expected a dictionary of tensors; save the model's state_dict");
        }
        for (int depth = 0; depth < MAXIMUM_DEPTH; depth++) {
            Map<?, ?> inner = wrapped(dictionary);
            if (inner == null) {
                return dictionary;
            }
            dictionary = inner;
        }
        throw tooMuch("nested dictionaries");
    }

    private static Map<?, ?> wrapped(Map<?, ?> dictionary) {
        if (dictionary.values().stream().anyMatch(TensorView.class::isInstance)) {
            return null;
        }
        return WRAPPERS.stream()
                .map(dictionary::get)
                .filter(Map.class::isInstance)
                .map(inner -> (Map<?, ?>) inner)
                .findFirst()
                .orElse(null);
    }

    private void addAll(String prefix, Map<?, ?> dictionary, int depth) {
        if (depth == MAXIMUM_DEPTH) {
            throw tooMuch("nested dictionaries");
        }
        for (Map.Entry<?, ?> entry : dictionary.entrySet()) {
            if (++entries > MAXIMUM_ENTRIES) {
                throw tooMuch("entries");
            }
            if (entry.getValue() instanceof TensorView view) {
                add(name(prefix, entry.getKey()), view);
            } else if (entry.getValue() instanceof Map<?, ?> inner) {
                addAll(name(prefix, entry.getKey()) + ".", inner, depth + 1);
            }
        }
    }

    private String name(String prefix, Object key) {
        String name = prefix + key;
        nameCharacters += name.length();
        if (nameCharacters > MAXIMUM_NAME_CHARACTERS) {
            throw tooMuch("characters in names");
        }
        return name;
    }

    private void add(String name, TensorView view) {
        String what = where + ": tensor " + Names.shown(name);
        long bytes;
        try {
            bytes = new TensorInfo(name, view.type(), new Shape(view.shape())).byteCount();
        } catch (M3Exception e) {
            throw new M3Exception(where + ": " + e.getMessage(), e);
        }
        long storageBytes;
        try {
            storageBytes = view.storage().bytes();
            long end =
                    Math.multiplyExact(
                            Math.addExact(view.offset(), view.span()), (long) view.type().bytes());
            if (end > storageBytes) {
                throw new M3Exception(
                        what
                                + ": reaches to byte "
                                + end
                                + " of a storage that has "
                                + storageBytes
                                + "; the file is damaged, fetch or save it again");
            }
        } catch (ArithmeticException e) {
            throw new M3Exception(
                    what + ": its strides reach further than any file; the file is damaged", e);
        }
        repeatedBytes += Math.max(0, bytes - storageBytes);
        // One sum may not wrap: each addend is checked before the next is added.
        if (repeatedBytes > MAXIMUM_REPEATED_BYTES || repeatedBytes < 0) {
            throw new M3Exception(
                    what
                            + ": "
                            + bytes
                            + " bytes, repeated from a storage of "
                            + storageBytes
                            + "; such views may cost "
                            + MAXIMUM_REPEATED_BYTES
                            + " bytes in all; save the tensor without expand()");
        }
        if (tensors.put(name, view) != null) {
            throw new M3Exception(what + ": found twice");
        }
    }

    private M3Exception tooMuch(String what) {
        return new M3Exception(where + ": too many " + what + " in its pickle, refused");
    }
}
