package io.m3j.train.data;

import java.util.Arrays;

/**
 * Cuts a JSON array into its elements, or JSON lines into lines, from bytes as they come, and does not
 * judge them: a broken one does not hide the next. One element is held at a time, up to a limit.
 */
final class ObjectSplitter {

    /** Takes each element. */
    interface Sink {
        /**
         * @param offset of its first byte in the file
         * @param line of its first byte, counted from 1
         * @param buffer begins with its bytes; read only during the call
         * @param length in bytes; more than the limit if it is larger, and then buffer lacks its end
         */
        void element(long offset, int line, byte[] buffer, int length);
    }

    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

    private enum Form {
        UNKNOWN,
        LINES,
        ARRAY,
        ENDED_ARRAY
    }

    private final int limit;
    private final Sink sink;
    private Form form = Form.UNKNOWN;
    private long position;
    private int line = 1;

    // The element that is being read; of length 0 until its first byte that is not blank.
    private byte[] element = new byte[1 << 12];
    private int length;
    private long offset;
    private int firstLine;
    private int depth;
    private boolean inString;
    private boolean escaped;
    private boolean afterComma;

    /**
     * @param limit bytes of an element beyond which the rest is passed over
     * @param sink takes the elements in their order
     */
    ObjectSplitter(int limit, Sink sink) {
        this.limit = limit;
        this.sink = sink;
    }

    /**
     * @param bytes the next ones of the file
     * @param count how many of them
     */
    void accept(byte[] bytes, int count) {
        for (int i = 0; i < count; i++) {
            byte next = bytes[i];
            boolean mark =
                    position < BYTE_ORDER_MARK.length && next == BYTE_ORDER_MARK[(int) position];
            if (!mark) {
                accept(next);
            }
            position++;
            if (next == '\n') {
                line++;
            }
        }
    }

    /**
     * Ends the file.
     *
     * @return what is wrong with the whole, or null if nothing is
     */
    String end() {
        if (form == Form.ARRAY) {
            return "expected ']' at the end of the array, found the end of the file in line "
                    + line;
        }
        if (form == Form.ENDED_ARRAY && length > 0) {
            return "line " + firstLine + ": expected nothing behind the array, found more";
        }
        if (length > 0) {
            emit();
        }
        return null;
    }

    private void accept(byte next) {
        if (form == Form.UNKNOWN && !isBlank(next)) {
            form = next == '[' ? Form.ARRAY : Form.LINES;
            if (form == Form.ARRAY) {
                return;
            }
        }
        if (form == Form.ARRAY) {
            inArray(next);
        } else if (next == '\n') {
            if (form == Form.LINES && length > 0) {
                emit();
            }
        } else {
            append(next);
        }
    }

    private void inArray(byte next) {
        if (inString) {
            if (escaped) {
                escaped = false;
            } else if (next == '\\') {
                escaped = true;
            } else if (next == '"') {
                inString = false;
            }
        } else if (depth == 0 && (next == ',' || next == ']')) {
            if (next == ',' || afterComma || length > 0) {
                emit();
            }
            afterComma = next == ',';
            form = next == ',' ? Form.ARRAY : Form.ENDED_ARRAY;
            return;
        } else if (next == '"') {
            inString = true;
        } else if (next == '{' || next == '[') {
            depth++;
        } else if (next == '}' || next == ']') {
            // One too many is the element's fault, which its reader will find.
            depth = Math.max(0, depth - 1);
        }
        append(next);
    }

    private void append(byte next) {
        if (length == 0) {
            if (isBlank(next)) {
                return;
            }
            offset = position;
            firstLine = line;
        }
        if (length < limit) {
            if (length == element.length) {
                element = Arrays.copyOf(element, Math.min(limit, 2 * length));
            }
            element[length] = next;
        }
        length = Math.min(length, limit) + 1;
    }

    private void emit() {
        boolean blank = length == 0;
        sink.element(blank ? position : offset, blank ? line : firstLine, element, length);
        length = 0;
    }

    private static boolean isBlank(byte next) {
        return next == ' ' || next == '\t' || next == '\r' || next == '\n';
    }
}
