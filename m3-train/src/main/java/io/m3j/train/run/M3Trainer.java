package io.m3j.train.run;

import static io.m3j.core.Arguments.required;

import ai.djl.Device;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.eval.Fingerprint;
import io.m3j.train.AdamW;
import io.m3j.train.Lora;
import io.m3j.train.LossOptions;
import io.m3j.train.Part;
import io.m3j.train.TrainableModel;
import io.m3j.train.TrainingStep;
import io.m3j.train.data.BatchLoader;
import io.m3j.train.data.ExampleSource;
import io.m3j.train.recipe.CurriculumStage;
import io.m3j.train.recipe.EvaluationPlan;
import io.m3j.train.recipe.EvaluationPlan.EarlyStopping;
import io.m3j.train.recipe.ModelSource;
import io.m3j.train.recipe.Recipe;
import io.m3j.train.run.CheckpointStore.Stored;
import io.m3j.train.run.Preparation.Prepared;
import io.m3j.train.run.RunReport.End;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * Trains a model as a recipe says, in a directory from which the run goes on after any stop with the same
 * losses and weights, bit for bit, as if it had not been stopped. That holds on one kind of machine with
 * the same number of threads.
 *
 * <p>Owns native memory and the directory: the caller closes it. For one thread; {@link #requestStop} may
 * be called by any.
 */
public final class M3Trainer implements AutoCloseable {

    private static final double NANOSECONDS = 1e9;

    private final Recipe recipe;
    private final TrainingListener listener;
    private final Closing closing = new Closing();
    private final RunDirectory directory;
    private final TrainableModel model;
    private final Optional<Lora> lora;
    private final AdamW optimizer;
    private final List<Scale> scales;
    private final RunOrder order;
    private final long total;
    private final Preparation preparation;
    private final Optional<Evaluation> evaluation;
    private final Faults faults;
    private final StepGradient gradient;
    private final MetricsLog metrics;
    private final StateKeeper keeper;

    private final long sessionStart = System.nanoTime();
    private final double secondsBefore;
    private final long stepBefore;
    private RunState state;
    private StepTally last = new StepTally();
    private volatile boolean stopRequested;

    private M3Trainer(
            Recipe recipe,
            Path path,
            boolean resume,
            TrainingData data,
            Device device,
            TrainingListener listener) {
        this.recipe = recipe;
        this.listener = listener;
        try {
            directory = RunDirectory.open(path, resume, recipe.json());
            closing.add(directory::close);
            CheckpointStore checkpoints = directory.checkpoints();
            Optional<Stored> newest = checkpoints.newest(listener::said);
            state =
                    newest.map(stored -> RunState.read(stored.directory()))
                            .orElseGet(RunState::start);
            if (resume) {
                listener.said(
                        newest.map(stored -> "goes on from " + stored.directory())
                                .orElse(path + " holds no complete checkpoint: starts anew"));
            }
            model = model(recipe, device);
            closing.add(model::close);
            lora = recipe.lora().map(options -> Lora.attach(model, options, recipe.seed()));
            optimizer = new AdamW(model, recipe.optimizer());
            closing.add(optimizer::close);
            RunTensors tensors = new RunTensors(model, optimizer);
            newest.ifPresent(stored -> tensors.read(stored.directory()));
            scales = recipe.loss().scales(model.ladder());
            recipe.requireMetric(scales);
            TrainingStep.check(model, recipe.step());
            recipe.curriculum().forEach(this::check);
            requireWholePicturesForGrounding();
            preparation = preparation(data.all());
            order = new RunOrder(recipe, data, preparation::length);
            total = order.total();
            evaluation = recipe.evaluation().map(plan -> evaluation(plan, data));
            faults = new Faults(recipe.faults(), listener, state);
            gradient = new StepGradient(recipe, model, optimizer, scales, total, faults);
            directory.record(
                    Fingerprint.ofCheckpoint(recipe.model().directory()),
                    model.towerDirectory().map(Fingerprint::ofCheckpoint),
                    data.fingerprints(),
                    Provenance.session(state.step(), device.toString()));
            metrics = MetricsLog.open(directory.metrics(), state.metricsBytes());
            closing.add(metrics::close);
            secondsBefore = state.seconds();
            stepBefore = state.step();
            keeper =
                    new StateKeeper(
                            recipe.checkpoints(),
                            directory,
                            checkpoints,
                            tensors,
                            listener,
                            newest.map(Stored::step).orElse(-1L));
        } catch (RuntimeException | Error e) {
            closing.close(e);
            throw e;
        }
    }

    /**
     * Opens a run: reads the model, and the newest complete checkpoint if the run goes on.
     *
     * @param recipe what to do
     * @param directory of the run; made if it does not exist
     * @param resume whether a run that is there goes on; otherwise there must be none
     * @param data what is learnt
     * @param device where
     * @param listener is told how it goes
     * @return the trainer
     * @throws M3Exception if the directory holds another run, or a file cannot be used
     */
    public static M3Trainer open(
            Recipe recipe,
            Path directory,
            boolean resume,
            TrainingData data,
            Device device,
            TrainingListener listener) {
        return new M3Trainer(
                required(recipe, "recipe"),
                required(directory, "directory"),
                resume,
                required(data, "data"),
                required(device, "device"),
                required(listener, "listener"));
    }

    private static TrainableModel model(Recipe recipe, Device device) {
        ModelSource source = recipe.model();
        return source.seed()
                .map(seed -> TrainableModel.random(source.directory(), seed, device))
                .orElseGet(
                        () ->
                                TrainableModel.open(
                                        source.directory(),
                                        source.visionTower(),
                                        device,
                                        recipe.learning()));
    }

    private void check(CurriculumStage stage) {
        stage.scales().forEach(model.ladder()::require);
        TrainingStep.check(model, recipe.step().withWindow(stage.towerWindow()));
    }

    private void requireWholePicturesForGrounding() {
        if (recipe.loss().grounding() > 0 && model.config().anyResolution().isPresent()) {
            throw new M3Exception(
                    "loss.grounding: expected 0 for a model of any resolution, which cuts pictures into"
                            + " tiles, found "
                            + recipe.loss().grounding()
                            + ": words for patches are those of a whole picture");
        }
    }

    private Preparation preparation(ExampleSource source) {
        Scale finest = scales.get(scales.size() - 1);
        return new Preparation(source, model.imageProcessor(), finest, recipe.step().longest());
    }

    private Evaluation evaluation(EvaluationPlan plan, TrainingData data) {
        ExampleSource source =
                data.validation()
                        .orElseThrow(
                                () -> new M3Exception("evaluation: no validation data was given"));
        LossOptions loss =
                recipe.loss().options(model.ladder(), scales).with(LossOptions.Mode.ALL_SCALES);
        return new Evaluation(
                new TrainingStep(model, recipe.step()),
                preparation(source),
                loss,
                Math.min(source.size(), plan.examples()),
                recipe.batching().size(),
                recipe.batching().loaders());
    }

    /** Asks the run to end behind the step that is being taken, with a checkpoint. */
    public void requestStop() {
        stopRequested = true;
    }

    /**
     * Takes the steps that are left, and writes the trained model behind the last.
     *
     * @return how it ended
     * @throws M3Exception if an example cannot be used or a loss is no number, and the recipe does not
     *     skip it; the run can go on from its last checkpoint
     */
    public RunReport run() {
        int accumulation = recipe.batching().accumulation();
        try (BatchLoader<Prepared> feed =
                Preparation.loader(
                        preparation,
                        order::batch,
                        state.step() * accumulation,
                        total * accumulation,
                        recipe.batching().loaders())) {
            while (state.step() < total && !waitedEnough() && !stopRequested) {
                takeStep(feed);
                boolean best = evaluateIfDue();
                if (best || keeper.isDue(state.step())) {
                    store();
                }
            }
        }
        boolean ended = state.step() == total || waitedEnough();
        store();
        if (ended) {
            saveModel();
        }
        return report(ended);
    }

    private boolean waitedEnough() {
        return stopping().filter(early -> state.waited() >= early.patience()).isPresent();
    }

    private Optional<EarlyStopping> stopping() {
        return recipe.evaluation().flatMap(EvaluationPlan::earlyStopping);
    }

    private void takeStep(BatchLoader<Prepared> feed) {
        long started = System.nanoTime();
        StepTally tally = new StepTally();
        OptionalDouble norm =
                keepingWhatWasLearnt(() -> gradient.gather(feed, state.step(), tally));
        Map<Part, Double> rates = recipe.ratesAt(state.step(), total);
        if (norm.isPresent()) {
            optimizer.step(rates::get);
            last = tally;
        }
        state = state.after(norm.isPresent(), tally.examples(), tally.positions(), faults);
        double seconds = (System.nanoTime() - started) / NANOSECONDS;
        metrics.step(state, tally, norm, rates, seconds, seconds());
        if (norm.isPresent()) {
            double done = state.step() - stepBefore;
            double left = (total - state.step()) * (seconds() - secondsBefore) / done;
            listener.stepped(
                    new TrainingListener.Step(
                            state.step(),
                            total,
                            tally.loss(),
                            tally.lossByScale(),
                            tally.grounding(),
                            norm.getAsDouble(),
                            tally.positions() / seconds,
                            left));
        }
    }

    /** The weights are still those behind the last step: they are stored before a failure ends the run. */
    private <T> T keepingWhatWasLearnt(Supplier<T> work) {
        try {
            return work.get();
        } catch (RuntimeException | Error e) {
            try {
                store();
            } catch (RuntimeException again) {
                e.addSuppressed(again);
            }
            throw e;
        }
    }

    /** Returns whether this is the best model so far, where somebody asks. */
    private boolean evaluateIfDue() {
        if (evaluation.isEmpty()) {
            return false;
        }
        long every = recipe.evaluation().orElseThrow().everySteps();
        if (state.step() % every != 0 && state.step() != total) {
            return false;
        }
        StepTally tally = evaluation.get().run(faults);
        if (tally.isEmpty()) {
            throw new M3Exception("evaluation: none of the validation examples can be used");
        }
        metrics.evaluation(state, tally);
        listener.evaluated(state.step(), tally.loss(), tally.lossByScale());
        if (stopping().isEmpty() || recipe.isStage(state.step(), total)) {
            return false;
        }
        state = state.evaluated(Evaluation.metric(tally, stopping().get()));
        return state.bestStep() == state.step();
    }

    private void store() {
        if (keeper.has(state.step())) {
            return;
        }
        keeper.store(state.at(seconds(), metrics.force()));
        if (!stopRequested) {
            keeper.drawCurves(); // where the JVM is about to end, Java2D no longer starts
        }
    }

    private double seconds() {
        return secondsBefore + (System.nanoTime() - sessionStart) / NANOSECONDS;
    }

    private void saveModel() {
        if (Files.exists(directory.model())) {
            return; // this run had ended before
        }
        if (state.bestStep() >= 0 && state.bestStep() != state.step()) {
            keeper.readBest(state);
        }
        List<Scale> learnt = recipe.scalesBefore(state.step(), total, scales);
        PublishedModel.write(model, lora, directory, recipe, learnt);
    }

    private RunReport report(boolean ended) {
        End end = state.step() == total ? End.FINISHED : End.STOPPED_EARLY;
        return new RunReport(
                ended ? end : End.INTERRUPTED,
                state.step(),
                total,
                ended ? Optional.of(directory.model()) : Optional.empty(),
                last.isEmpty() ? Double.NaN : last.loss(),
                last.lossByScale(),
                state.examples(),
                state.skippedExamples(),
                state.skippedSteps(),
                seconds());
    }

    @Override
    public void close() {
        closing.close();
    }
}
