package io.m3j.examples;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/**
 * The command line {@code m3}.
 *
 * <p>Exit status: 0, 1 after a failure, 2 after a wrong usage. What was asked for goes to standard
 * output; logs, progress and failures go to standard error.
 */
@Command(
        name = "m3",
        versionProvider = M3.Version.class,
        mixinStandardHelpOptions = true,
        description = "One vision-language model, 1 to 576 visual tokens an image.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = HelpCommand.class,
        footer = {
            "",
            "Exit status: 0, 1 after a failure, 2 after a wrong usage. 'm3 help COMMAND' tells more."
        })
public final class M3 implements Runnable {

    @Spec private CommandSpec spec;

    private M3() {}

    /**
     * Runs one command and ends the JVM with its exit status.
     *
     * @param arguments of the command line
     */
    public static void main(String[] arguments) {
        Terminal terminal = Terminal.ofProcess();
        // What a library might print must not stand in the output.
        System.setOut(System.err);
        System.exit(run(terminal, arguments));
    }

    /**
     * Runs one command.
     *
     * @param terminal where to write
     * @param arguments of the command line
     * @return the exit status
     */
    static int run(Terminal terminal, String... arguments) {
        boolean verbose = Arrays.asList(arguments).contains(CommonOptions.VERBOSE);
        Logs.configure(verbose);
        Failures failures = new Failures(terminal, verbose);
        int status = failures.guard(() -> commandLine(terminal, failures).execute(arguments));
        return terminal.flush() ? status : failures.outputBroken();
    }

    private static CommandLine commandLine(Terminal terminal, Failures failures) {
        CommandLine root = new CommandLine(new M3());
        List.of(
                        new AskCommand(terminal),
                        new EncodeCommand(terminal),
                        new LogitsCommand(terminal),
                        new GenerateIdsCommand(terminal),
                        new TokenizeCommand(terminal),
                        new DetokenizeCommand(terminal),
                        new InfoCommand(terminal),
                        new BenchCommand(terminal),
                        new TrainCommand(terminal),
                        new QuantizeCommand(terminal),
                        new EvalCommand(terminal),
                        new ScenesCommand(terminal))
                .forEach(root::addSubcommand);
        return root.registerConverter(Path.class, M3::path)
                .setOut(terminal.out())
                .setErr(terminal.err())
                // A prompt may begin with @ or with a minus, or be quoted on purpose.
                .setExpandAtFiles(false)
                .setAllowOptionsAsOptionParameters(true)
                .setTrimQuotes(false)
                .setUsageHelpWidth(100)
                .setParameterExceptionHandler(failures::wrongUsage)
                .setExecutionExceptionHandler(failures::failed);
    }

    /** An empty argument, such as a variable that is not set, would be the current folder. */
    private static Path path(String argument) {
        if (argument.isEmpty()) {
            throw new TypeConversionException(
                    "expected a path, found an empty text; a dot names the current folder");
        }
        return Path.of(argument);
    }

    /** Without a command: the help, as a wrong usage. */
    @Override
    public void run() {
        PrintWriter err = spec.commandLine().getErr();
        spec.commandLine().usage(err);
        throw new ParameterException(spec.commandLine(), "no command given");
    }

    /** The version of the jar. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"m3 " + number()};
        }

        static String number() {
            String version = M3.class.getPackage().getImplementationVersion();
            return version == null ? "(not packaged)" : version;
        }
    }
}
