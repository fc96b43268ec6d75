package io.m3j.examples;

import ai.djl.engine.EngineException;
import io.m3j.core.M3Exception;
import java.util.function.IntSupplier;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

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

    /**
     * What is no command line is a wrong usage; a word in a good place that means nothing there, as
     * the converters of options tell by an M3Exception, is a failure.
     */
    int wrongUsage(ParameterException e, String[] arguments) {
        if (e.getCause() instanceof M3Exception refusal) {
            return failed(refusal, refusal.getMessage());
        }
        String name = e.getCommandLine().getCommandSpec().qualifiedName();
        // picocli begins some messages, not all, with this word.
        String message = e.getMessage().replaceFirst("^Error: ", "");
        say(message + suggestions(e) + " (see '" + name + " --help')");
        trace(e);
        return ExitCode.USAGE;
    }

    private static String suggestions(ParameterException e) {
        if (!(e instanceof UnmatchedArgumentException unmatched)) {
            return "";
        }
        String names = String.join(" or ", Suggestions.of(unmatched));
        return names.isEmpty() ? "" : "; did you mean " + names + "?";
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
