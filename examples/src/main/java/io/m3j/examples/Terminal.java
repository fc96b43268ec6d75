package io.m3j.examples;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/**
 * Where a command writes, always in UTF-8.
 *
 * @param out what was asked for
 * @param err logs, progress, failures
 * @param outIsTerminal whether a person reads the output
 * @param errIsTerminal whether a person sees the progress
 */
record Terminal(PrintWriter out, PrintWriter err, boolean outIsTerminal, boolean errIsTerminal) {

    /** The process's own streams; the launcher says which of them are terminals. */
    static Terminal ofProcess() {
        return of(
                new FileOutputStream(FileDescriptor.out),
                new FileOutputStream(FileDescriptor.err),
                Boolean.getBoolean("m3.stdout.tty"),
                Boolean.getBoolean("m3.stderr.tty"));
    }

    static Terminal of(
            OutputStream out, OutputStream err, boolean outIsTerminal, boolean errIsTerminal) {
        return new Terminal(writer(out), writer(err), outIsTerminal, errIsTerminal);
    }

    private static PrintWriter writer(OutputStream stream) {
        return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
    }

    /** A text as it is for a program, or without control characters for a person. */
    String shown(String text) {
        return outIsTerminal ? Printable.shown(text) : text;
    }

    /** Whether everything could be written. */
    boolean flush() {
        err.flush();
        return !out.checkError();
    }
}
