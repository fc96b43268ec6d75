package io.m3j.examples;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.Devices;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.DataSources;
import io.m3j.train.run.M3Trainer;
import io.m3j.train.run.RunReport;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains a model as a recipe says. */
@Command(
        name = "train",
        description = {
            "Train a model as a recipe says (docs/guides/training.md).",
            "The run's directory holds checkpoints, metrics.jsonl, curves.png and, at the end, the"
                    + " model. Ctrl-C ends the run behind its step, with a checkpoint."
        })
final class TrainCommand implements Callable<Integer> {

    private final Terminal terminal;

    @Mixin private CommonOptions common;

    @Option(
            names = "--recipe",
            paramLabel = "FILE",
            required = true,
            description = "JSON; paths in it are relative to its directory.")
    private Path recipe;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Directory of the run. Default: as the recipe says.")
    private Path run;

    @Option(
            names = "--resume",
            paramLabel = "auto",
            description =
                    "auto: go on from the newest complete checkpoint of the directory, or start"
                            + " where there is none. Default: start, in a directory without a run.")
    private Resume resume;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "auto",
            description =
                    "Where to compute: cpu, cuda or cuda:1. Default: ${DEFAULT-VALUE}, a GPU if"
                            + " libtorch can use one, else the CPU.")
    private String device;

    @Option(names = "--json", description = "Print one object on how the run ended.")
    private boolean json;

    /** What becomes of a run that is there. */
    enum Resume {
        auto
    }

    TrainCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        Recipe read = Recipe.read(recipe);
        Path directory = run == null ? read.run().orElseThrow(this::noDirectory) : run;
        Device chosen = Refusals.naming("--device", "device", () -> Devices.of(device));
        CountDownLatch ended = new CountDownLatch(1);
        Optional<Thread> hook = Optional.empty();
        try (DataSources data = DataSources.open(read);
                TrainingProgress progress = new TrainingProgress(terminal);
                M3Trainer trainer =
                        M3Trainer.open(
                                read,
                                directory,
                                resume == Resume.auto,
                                data.data(),
                                chosen,
                                progress)) {
            hook = Optional.of(stopping(trainer, ended));
            Runtime.getRuntime().addShutdownHook(hook.get());
            print(directory, trainer.run());
        } finally {
            ended.countDown();
            hook.ifPresent(TrainCommand::removed);
        }
        return 0;
    }

    private M3Exception noDirectory() {
        return new M3Exception(
                recipe + ": run is missing, expected a directory; or give --run DIR");
    }

    /** A signal lets the step end, and the JVM wait for its checkpoint, the last word and what is closed. */
    private static Thread stopping(M3Trainer trainer, CountDownLatch ended) {
        return new Thread(
                () -> {
                    trainer.requestStop();
                    try {
                        ended.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "m3-train-stop");
    }

    private static void removed(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is shutting down: the hook has done its work.
            return;
        }
    }

    private void print(Path directory, RunReport report) {
        if (json) {
            ObjectNode object = Json.object().put("run", directory.toString());
            object.put("end", report.end().name().toLowerCase(Locale.ROOT));
            object.put("steps", report.steps()).put("total_steps", report.total());
            report.model().ifPresent(model -> object.put("model", model.toString()));
            if (!report.lossByScale().isEmpty()) {
                object.put("loss", report.loss());
                ObjectNode byScale = object.putObject("loss_by_scale");
                for (Map.Entry<Scale, Double> entry : report.lossByScale().entrySet()) {
                    byScale.put(entry.getKey().toString(), entry.getValue());
                }
            }
            object.put("examples", report.examples());
            object.put("skipped_examples", report.skippedExamples());
            object.put("skipped_steps", report.skippedSteps());
            object.put("seconds", report.seconds());
            terminal.out().println(Json.line(object));
            return;
        }
        String end =
                switch (report.end()) {
                    case FINISHED -> "finished";
                    case STOPPED_EARLY -> "stopped early, with the best model";
                    case INTERRUPTED -> "interrupted; --resume auto goes on";
                };
        String text =
                String.format(
                        Locale.ROOT,
                        "%s behind step %d of %d after %.0f s; %s",
                        end,
                        report.steps(),
                        report.total(),
                        report.seconds(),
                        report.model().orElse(directory));
        terminal.err().println("m3: " + Printable.line(text));
    }
}
