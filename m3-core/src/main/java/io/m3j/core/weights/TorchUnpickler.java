package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.razorvine.pickle.Opcodes;
import net.razorvine.pickle.Unpickler;

/**
 * Unpickles what PyTorch saves into plain dictionaries, lists, numbers and {@link TensorView}s. The
 * library does the stack and the literals; every operation that makes, calls or fills an object is
 * done here, so that only the classes of {@link TorchGlobal} exist, dictionaries keep their order,
 * and no operation costs more time than it has bytes.
 */
final class TorchUnpickler extends Unpickler {

    private static final int MAXIMUM_DIMENSIONS = 64;

    private final String where;

    private final Map<String, TensorView.Storage> storages;

    private TorchUnpickler(String where, Map<String, TensorView.Storage> storages) {
        this.where = where;
        this.storages = storages;
    }

    /**
     * @param bytes begins with a pickle; the position is moved past it
     * @param where the file and the part of it, for messages
     * @param storages receives every whole storage that the pickle names
     * @return the object pickled
     */
    static Object load(ByteBuffer bytes, String where, Map<String, TensorView.Storage> storages) {
        int length = PickleGuard.check(bytes, where, name -> TorchGlobal.of(name).isPresent());
        byte[] pickle = new byte[length];
        bytes.get(pickle);
        try {
            return new TorchUnpickler(where, storages).load(new ByteArrayInputStream(pickle));
        } catch (M3Exception e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The library takes the right objects on the stack for granted.
            throw new M3Exception(
                    where + ": its pickle is damaged or no weights file: " + e.getMessage(), e);
        }
    }

    @Override
    protected Object dispatch(short key) throws IOException {
        switch (key) {
            case Opcodes.EMPTY_DICT -> stack.add(new LinkedHashMap<>());
            case Opcodes.SETITEM -> {
                Object value = stack.pop();
                Object name = stack.pop();
                put(dictionary(stack.peek()), name, value);
            }
            case Opcodes.SETITEMS -> {
                List<Object> items = stack.pop_all_since_marker();
                Map<Object, Object> dictionary = dictionary(stack.peek());
                for (int i = 0; i < items.size(); i += 2) {
                    put(dictionary, items.get(i), items.get(i + 1));
                }
            }
            case Opcodes.APPENDS -> { // the library trims the list each time: quadratic
                List<Object> items = stack.pop_all_since_marker();
                list(stack.peek()).addAll(items);
            }
            case Opcodes.GLOBAL -> stack.add(global(line() + " " + line()));
            case Opcodes.STACK_GLOBAL -> {
                Object name = stack.pop();
                stack.add(global(stack.pop() + " " + name));
            }
            case Opcodes.REDUCE -> {
                Object arguments = stack.pop();
                stack.add(call(stack.pop(), arguments));
            }
            // Attributes of a dictionary (PyTorch's _metadata) or of a parameter: not needed.
            case Opcodes.BUILD -> stack.pop();
            default -> {
                return super.dispatch(key);
            }
        }
        return NO_RETURN_VALUE;
    }

    /** A storage: ("storage", class, key, device, elements) and, in old files, what it views. */
    @Override
    protected Object persistentLoad(Object id) {
        Object[] parts = tuple(id, 5);
        if (!"storage".equals(parts[0])
                || !(parts[1] instanceof TorchGlobal global)
                || (global.kind() != TorchGlobal.Kind.STORAGE
                        && global.kind() != TorchGlobal.Kind.UNTYPED_STORAGE)
                || !(parts[2] instanceof String key)) {
            throw unexpected("a persistent id", parts[0]);
        }
        TensorView.Storage storage = new TensorView.Storage(key, global.type(), count(parts[4]), 0);
        TensorView.Storage known = storages.putIfAbsent(key, storage);
        if (known != null && known.bytes() != storage.bytes()) {
            throw unexpected("one length for storage " + Names.shown(key), parts[4]);
        }
        if (parts.length > 5 && parts[5] != null) {
            Object[] view = tuple(parts[5], 3);
            long start = Math.multiplyExact(count(view[1]), (long) storage.elementBytes());
            long elements = count(view[2]);
            if (Math.addExact(count(view[1]), elements) > storage.elements()) {
                throw unexpected("a view of a storage that ends behind it", view[2]);
            }
            storage = new TensorView.Storage(key, global.type(), elements, start);
        }
        return storage;
    }

    private Object call(Object function, Object argumentTuple) {
        if (!(function instanceof TorchGlobal global)) {
            throw unexpected("a function", function);
        }
        return switch (global.kind()) {
            case ORDERED_DICT -> orderedDict(tuple(argumentTuple, 0));
            case TENSOR -> tensor(tuple(argumentTuple, 4), null);
            case TYPED_TENSOR -> {
                Object[] arguments = tuple(argumentTuple, 7);
                if (!(arguments[6] instanceof TorchGlobal dtype) || dtype.type() == null) {
                    throw unexpected("an element type", arguments[6]);
                }
                yield tensor(arguments, dtype.type());
            }
            case PARAMETER -> {
                Object data = tuple(argumentTuple, 1)[0];
                if (!(data instanceof TensorView)) {
                    throw unexpected("the tensor of a parameter", data);
                }
                yield data;
            }
            case SUBCLASS -> {
                Object[] arguments = tuple(argumentTuple, 3);
                if (arguments[0] instanceof TorchGlobal inner
                        && inner.kind() != TorchGlobal.Kind.SUBCLASS) {
                    yield call(inner, arguments[2]);
                }
                throw unexpected("the function that makes a tensor", arguments[0]);
            }
            case SIZE -> tuple(tuple(argumentTuple, 1)[0], 0);
            case DEVICE -> "device";
            default -> throw unexpected("a call", global);
        };
    }

    /** Empty as Python 3 writes it, or from a list of pairs as Python 2 does. */
    private Map<Object, Object> orderedDict(Object[] arguments) {
        Map<Object, Object> dictionary = new LinkedHashMap<>();
        if (arguments.length > 0) {
            List<Object> pairs = list(arguments[0]);
            for (Object pair : pairs) {
                Object[] item = pair instanceof List<?> list ? list.toArray() : tuple(pair, 2);
                if (item.length != 2) {
                    throw unexpected("a pair of name and value", pair);
                }
                put(dictionary, item[0], item[1]);
            }
            pairs.clear(); // a memo could hand the list in again and again
        }
        return dictionary;
    }

    private TensorView tensor(Object[] arguments, ElementType asked) {
        if (!(arguments[0] instanceof TensorView.Storage storage)) {
            throw unexpected("the storage of a tensor", arguments[0]);
        }
        ElementType type = asked == null ? storage.type() : asked;
        if (type == null) {
            throw unexpected("the element type of a tensor", null);
        }
        long[] shape = counts(arguments[2]);
        long[] strides = counts(arguments[3]);
        if (shape.length != strides.length) {
            throw unexpected(
                    "as many strides as the " + shape.length + " dimensions", arguments[3]);
        }
        return new TensorView(type, storage, count(arguments[1]), shape, strides);
    }

    private TorchGlobal global(String name) {
        return TorchGlobal.of(name).orElseThrow(() -> PickleGuard.refusedClass(where, name));
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = input.read(); next != '\n'; next = input.read()) {
            if (next < 0) {
                throw new IOException("a name without end");
            }
            line.append((char) next);
        }
        return line.toString();
    }

    /** Only keys of bounded cost: the hash of a list is that of all it holds. */
    private void put(Map<Object, Object> dictionary, Object key, Object value) {
        if (!(key instanceof String
                || key instanceof Integer
                || key instanceof Long
                || key instanceof Boolean)) {
            throw unexpected("a string or an integer as the key of a dictionary", key);
        }
        dictionary.put(key, value);
    }

    @SuppressWarnings("unchecked") // every dictionary on the stack was made here
    private Map<Object, Object> dictionary(Object object) {
        if (object instanceof LinkedHashMap<?, ?> map) {
            return (Map<Object, Object>) map;
        }
        throw unexpected("a dictionary", object);
    }

    @SuppressWarnings("unchecked") // every list on the stack holds objects
    private List<Object> list(Object object) {
        if (object instanceof ArrayList<?> list) {
            return (List<Object>) list;
        }
        throw unexpected("a list", object);
    }

    private Object[] tuple(Object object, int atLeast) {
        if (object instanceof Object[] tuple && tuple.length >= atLeast) {
            return tuple;
        }
        throw unexpected("a tuple of " + atLeast + " or more", object);
    }

    private long[] counts(Object object) {
        Object[] tuple = tuple(object, 0);
        if (tuple.length > MAXIMUM_DIMENSIONS) {
            throw unexpected("at most " + MAXIMUM_DIMENSIONS + " dimensions", object);
        }
        long[] counts = new long[tuple.length];
        for (int i = 0; i < counts.length; i++) {
            counts[i] = count(tuple[i]);
        }
        return counts;
    }

    private long count(Object object) {
        if (object instanceof Number number
                && !(object instanceof Double)
                && !(object instanceof BigInteger)
                && number.longValue() >= 0) {
            return number.longValue();
        }
        throw unexpected("a count of 0 or more", object);
    }

    private M3Exception unexpected(String expected, Object found) {
        String text =
                found == null
                        ? "nothing"
                        : found instanceof String || found instanceof Number
                                ? Names.shown(found.toString())
                                : "a " + found.getClass().getSimpleName();
        return new M3Exception(
                where + ": its pickle is damaged: expected " + expected + ", found " + text);
    }
}
