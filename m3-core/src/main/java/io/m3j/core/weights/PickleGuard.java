package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.Predicate;

/**
 * Reads through a pickle without running it, as Python's {@code pickletools.genops} does, before a
 * library is trusted with it: every operation must be one that a weights file needs, every length
 * must lie within the bytes that are there, every class named must be allowed, and numbers of
 * operations, marks and memo slots are bounded. Refused are above all operations of which few bytes
 * cost much time or memory, and those that protocol 2 and later never write.
 */
final class PickleGuard {

    /** The longest pickle that is read; a model of 500 tensors has some 100 kB. */
    static final int MAXIMUM_BYTES = 16 << 20;

    /** Operations of one pickle; a tensor takes some fifty. */
    static final int MAXIMUM_OPERATIONS = 1_000_000;

    private static final int MAXIMUM_MARKS = 100;
    private static final int MAXIMUM_LINE = 256;
    private static final int HIGHEST_PROTOCOL = 5;

    private final ByteBuffer bytes;
    private final String where;
    private final Predicate<String> allowedClass;
    private int marks;

    private PickleGuard(ByteBuffer bytes, String where, Predicate<String> allowedClass) {
        this.bytes = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        this.where = where;
        this.allowedClass = allowedClass;
    }

    /**
     * @param bytes begins with a pickle; more may follow; the position is left as it is
     * @param where the file and the part of it, for messages
     * @param allowedClass answers for "module name"
     * @return bytes of the pickle, its STOP included
     * @throws M3Exception if the pickle holds anything that a weights file does not need
     */
    static int check(ByteBuffer bytes, String where, Predicate<String> allowedClass) {
        return new PickleGuard(bytes, where, allowedClass).check();
    }

    private int check() {
        int start = bytes.position();
        if (bytes.remaining() > MAXIMUM_BYTES) {
            bytes.limit(start + MAXIMUM_BYTES);
        }
        for (int operations = 0; operations < MAXIMUM_OPERATIONS; operations++) {
            int position = bytes.position() - start;
            if (!step(position)) {
                return bytes.position() - start;
            }
        }
        throw new M3Exception(
                where + ": a pickle of more than " + MAXIMUM_OPERATIONS + " operations, refused");
    }

    /** Passes over one operation; false at the STOP. */
    private boolean step(int position) {
        int operation = Byte.toUnsignedInt(take(1, position).get());
        switch (operation) {
            case '.' -> {
                return false;
            }
            // NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE, TUPLE1..3, EMPTY_LIST, APPEND, EMPTY_DICT,
            // SETITEM, MEMOIZE, REDUCE, BUILD, BINPERSID; STACK_GLOBAL, whose names the unpickler
            // checks because they stand on its stack
            case 'N',
                    0x88,
                    0x89,
                    ')',
                    0x85,
                    0x86,
                    0x87,
                    ']',
                    'a',
                    '}',
                    's',
                    0x94,
                    'R',
                    'b',
                    'Q' -> {}
            case 0x93 -> {}
            case '(' -> mark(1, position);
            case 't', 'e', 'u' -> mark(-1, position); // TUPLE, APPENDS, SETITEMS
            case 'K', 'q', 'h' -> take(1, position); // BININT1, BINPUT, BINGET
            case 'M' -> take(2, position); // BININT2
            case 'J' -> take(4, position); // BININT
            case 'G', 0x95 -> take(8, position); // BINFLOAT, FRAME
            case 'r', 'j' -> memoSlot(position); // LONG_BINPUT, LONG_BINGET
            case 0x80 -> protocol(position);
            // LONG1, SHORT_BINSTRING, SHORT_BINUNICODE, SHORT_BINBYTES
            case 0x8a, 'U', 0x8c, 'C' ->
                    take(Byte.toUnsignedInt(take(1, position).get()), position);
            // BINSTRING, BINUNICODE, BINBYTES
            case 'T', 'X', 'B' ->
                    take(Integer.toUnsignedLong(take(4, position).getInt()), position);
            case 'c' -> global(position);
            default ->
                    throw refused(
                            position,
                            String.format(
                                    Locale.ROOT,
                                    "operation 0x%02x, which no weights file needs",
                                    operation));
        }
        return true;
    }

    private void mark(int step, int position) {
        marks += step;
        if (marks < 0 || marks > MAXIMUM_MARKS) {
            throw refused(position, "containers that are not closed or nested too deep");
        }
    }

    private void memoSlot(int position) {
        long slot = Integer.toUnsignedLong(take(4, position).getInt());
        if (slot > MAXIMUM_OPERATIONS) {
            throw refused(position, "memo slot " + slot);
        }
    }

    private void protocol(int position) {
        int protocol = Byte.toUnsignedInt(take(1, position).get());
        if (protocol > HIGHEST_PROTOCOL) {
            throw refused(position, "protocol " + protocol + ", expected 2 to 5");
        }
    }

    private void global(int position) {
        String name = line(position) + " " + line(position);
        if (!allowedClass.test(name)) {
            throw refusedClass(where, name);
        }
    }

    static M3Exception refusedClass(String where, String name) {
        return new M3Exception(
                where
                        + ": its pickle asks for the class or function "
                        + Names.shown(name.replace(' ', '.'))
                        + ", which no weights file needs, so nothing of it was run; save the bare"
                        + " state_dict, best as safetensors");
    }

    private String line(int position) {
        byte[] line = new byte[MAXIMUM_LINE];
        for (int length = 0; length < MAXIMUM_LINE; length++) {
            line[length] = take(1, position).get();
            if (line[length] == '\n') {
                return new String(line, 0, length, StandardCharsets.UTF_8);
            }
        }
        throw refused(position, "the name of a class of more than 256 bytes");
    }

    private ByteBuffer take(long length, int position) {
        if (length > bytes.remaining()) {
            throw refused(
                    position,
                    "a length of "
                            + length
                            + " bytes where "
                            + bytes.remaining()
                            + " are left of the "
                            + bytes.limit()
                            + " that are there or allowed, and no end of the pickle");
        }
        ByteBuffer taken = bytes.slice(bytes.position(), (int) length);
        bytes.position(bytes.position() + (int) length);
        return taken.order(ByteOrder.LITTLE_ENDIAN);
    }

    private M3Exception refused(int position, String found) {
        return new M3Exception(
                where
                        + ": its pickle has, at byte "
                        + position
                        + ", "
                        + found
                        + "; it is damaged or no weights file");
    }
}
