package io.m3j.examples;

import picocli.CommandLine.Option;

/** Options of every command. */
final class CommonOptions {

    static final String VERBOSE = "--verbose";

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    private boolean help;

    // M3 looks for it among the arguments, before anything can log.
    @Option(
            names = VERBOSE,
            description = "Log more on standard error, and show where a failure came from.")
    private boolean verbose;
}
