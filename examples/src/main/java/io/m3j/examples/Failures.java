package io.m3j.examples;

import ai.djl.engine.EngineException;
import io.m3j.core.M3Exception;
import java.util.function.IntSupplier;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Turns whatever goes wrong into one line on standard error and an exit status. */
final class Failures {

    private static final String HINT = " (" + CommonOptions.VERBOSE + " shows where)";

    private final Terminal terminal;
    private final boolean verbose;

    Failures(Terminal terminal, boolean verbose) {
        this.terminal = terminal;
        this.verbose = verbose;
    }

    /** Runs a whole command; catches what picocli lets through. */
    int guard(IntSupplier command) {
        try {
            return command.getAsInt();
        } catch (OutOfMemoryError e) {
            return failed(
                    e,
                    "out of memory: "
                            + e.getMessage()
                            + "; the Java heap is "
                            + (Runtime.getRuntime().maxMemory() >> 20)
                            + " MiB. Give it more: M3_JAVA_OPTS=-Xmx8g m3 …");
        } catch (StackOverflowError | LinkageError e) {
            return failed(e, e + HINT);
        }
    }

    int wrongUsage(ParameterException e, String[] arguments) {
        String name = e.getCommandLine().getCommandSpec().qualifiedName();
        // picocli begins some messages, not all, with this word.
        String message = e.getMessage().replaceFirst("^Error: ", "");
        say(message + " (see '" + name + " --help')");
        trace(e);
        return ExitCode.USAGE;
    }

    int failed(Exception e, CommandLine commandLine, ParseResult parsed) {
        if (e instanceof M3Exception) {
            return failed(e, e.getMessage());
        }
        String where = e instanceof EngineException ? "PyTorch: " : "unexpected: ";
        return failed(e, where + e + HINT);
    }

    int outputBroken() {
        say("standard output cannot be written");
        return ExitCode.SOFTWARE;
    }

    private int failed(Throwable e, String message) {
        say(message);
        trace(e);
        return ExitCode.SOFTWARE;
    }

    private void say(String message) {
        terminal.err().println("m3: " + Printable.line(message));
    }

    private void trace(Throwable e) {
        if (verbose) {
            e.printStackTrace(terminal.err());
        }
    }
}
