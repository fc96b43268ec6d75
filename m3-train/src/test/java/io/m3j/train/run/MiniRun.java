package io.m3j.train.run;

import ai.djl.Device;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.golden.Golden;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.CurriculumStage;
import io.m3j.train.recipe.DataSource;
import io.m3j.train.recipe.Recipe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** Runs of a golden model on made-up examples, and in a process of its own. */
final class MiniRun {

    /** What {@link #main} says when it begins to train. */
    static final String OPENED = "opened";

    /** What {@link #main} says when it has taken its steps and waits to be killed. */
    static final String WAITS = "waits";

    static final ObjectMapper JSON = new ObjectMapper();

    /** Batches of like lengths, a few tiles at a time, each example at a scale drawn for it. */
    static final String RAGGED =
            "'batch':{'size':2,'accumulation':2,'group_by_length':true,'loaders':2},"
                    + "'tiles_at_once':4,'loss':{'mode':'one_random_scale'}";

    /** Of which examples a run is: {@link MiniSource} or {@link RaggedSource}. */
    enum Kind {
        MINI,
        RAGGED
    }

    /** How many examples a stage has that has data of its own. */
    static final int OF_STAGE = 5;

    private MiniRun() {}

    /** Twelve steps of two batches of two, at two scales, everything trained, a checkpoint a step. */
    static ObjectNode recipe() {
        return keys(
                "{'model':{'from':'.'},'data':[{'scenes':{'count':1}}],'steps':12,"
                        + "'batch':{'size':2,'accumulation':2},'scales':[1,9],"
                        + "'optimizer':{'learning_rate':0.001,'weight_decay':0.1,"
                        + "'clip_norm':1},'schedule':{'warm_up_steps':2},"
                        + "'checkpoints':{'every_steps':1},'seed':5}");
    }

    /**
     * The same with other keys.
     *
     * @param more keys of the recipe, with ' in place of "
     */
    static ObjectNode recipe(String more) {
        ObjectNode json = recipe();
        json.setAll(keys(more));
        return json;
    }

    private static ObjectNode keys(String json) {
        try {
            return (ObjectNode) JSON.readTree(json.replace('\'', '"'));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A recipe for a model of nested tokens. */
    static Recipe nested(ObjectNode json) {
        return Recipe.of("recipe", json, Golden.checkpoint("llava-m3"));
    }

    /**
     * Six steps of a model of any resolution.
     *
     * @param more keys of the recipe, with ' in place of "
     */
    static Recipe ragged(String more) {
        ObjectNode json = recipe("{'steps':6}");
        json.setAll(keys(more));
        return Recipe.of("recipe", json, Golden.checkpoint("llava-next-hf"));
    }

    /** Opens a run and trains; who is told may stop it. */
    static RunReport run(Recipe recipe, Path run, boolean resume, ExampleSource data, Told told) {
        try (M3Trainer trainer = open(recipe, run, resume, data, told)) {
            told.trainer = trainer;
            return trainer.run();
        }
    }

    static M3Trainer open(
            Recipe recipe,
            Path run,
            boolean resume,
            ExampleSource data,
            TrainingListener listener) {
        return M3Trainer.open(
                recipe,
                run,
                resume,
                new TrainingData(
                        data, ofStages(recipe), recipe.evaluation().map(plan -> MiniSource.of(5))),
                Device.cpu(),
                listener);
    }

    private static Map<List<DataSource>, ExampleSource> ofStages(Recipe recipe) {
        Map<List<DataSource>, ExampleSource> own = new LinkedHashMap<>();
        for (CurriculumStage stage : recipe.curriculum()) {
            if (!stage.data().isEmpty()) {
                own.put(stage.data(), MiniSource.of(OF_STAGE));
            }
        }
        return own;
    }

    /** The metrics without what a clock says. */
    static List<ObjectNode> metrics(Path run) throws IOException {
        List<ObjectNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            ObjectNode json = (ObjectNode) JSON.readTree(line);
            json.remove(List.of("seconds", "tokens_per_second"));
            lines.add(json);
        }
        return lines;
    }

    static byte[] weights(Path run) throws IOException {
        return Files.readAllBytes(run.resolve("model/model.safetensors"));
    }

    /**
     * Trains in this process, and says on standard output that it begins.
     *
     * @param arguments directory of the run, its steps, behind how many steps of this process it waits to
     *     be killed, and its {@link Kind}
     */
    public static void main(String[] arguments) {
        Path run = Path.of(arguments[0]);
        int steps = Integer.parseInt(arguments[1]);
        TrainingListener waiting = new Waiting(Integer.parseInt(arguments[2]));
        boolean ragged = Kind.valueOf(arguments[3]) == Kind.RAGGED;
        Recipe recipe =
                ragged
                        ? ragged("{" + RAGGED + ",'steps':" + steps + "}")
                        : nested(recipe().put("steps", steps));
        ExampleSource data = ragged ? RaggedSource.of(11) : MiniSource.of(11);
        try (M3Trainer trainer = open(recipe, run, true, data, waiting)) {
            System.out.println(OPENED);
            trainer.run();
        }
    }

    /** Lets some steps be taken, then waits for good. */
    private static final class Waiting implements TrainingListener {
        private int left;

        Waiting(int steps) {
            this.left = steps;
        }

        @Override
        public void stepped(Step step) {
            if (--left == 0) {
                System.out.println(WAITS);
                while (true) {
                    LockSupport.park();
                }
            }
        }
    }

    /**
     * A process that runs {@link #main} in a directory.
     *
     * @param run the directory
     * @param steps of the run
     * @param most steps that this process takes before it waits to be killed; more than the run has if it
     *     is to end
     * @param kind of examples
     */
    static Process start(Path run, int steps, int most, Kind kind) throws IOException {
        List<String> command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-XX:TieredStopAtLevel=1",
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                        "-cp",
                        System.getProperty("java.class.path"),
                        MiniRun.class.getName(),
                        run.toString(),
                        Integer.toString(steps),
                        Integer.toString(most),
                        kind.name());
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(run.resolveSibling(run.getFileName() + ".log").toFile())
                .start();
    }

    static Optional<Path> newestCheckpoint(Path run) {
        return new CheckpointStore(run.resolve("checkpoints"))
                .newest(said -> {})
                .map(CheckpointStore.Stored::directory);
    }
}
