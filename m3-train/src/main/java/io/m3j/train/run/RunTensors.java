package io.m3j.train.run;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.weights.Checkpoint;
import io.m3j.core.weights.ElementType;
import io.m3j.core.weights.SafetensorsWriter;
import io.m3j.core.weights.StoredTensor;
import io.m3j.core.weights.TensorInfo;
import io.m3j.train.AdamW;
import io.m3j.train.TrainableModel;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;

/** The tensors of a checkpoint: weights that learn, and what the optimizer remembers of them. */
final class RunTensors {

    private static final String WEIGHTS = "weights.safetensors";
    private static final String OPTIMIZER = "optimizer.safetensors";
    private static final String MEAN = "mean.";
    private static final String SQUARE = "square.";
    private static final String STEPS = "steps.";

    private final TrainableModel model;
    private final AdamW optimizer;

    RunTensors(TrainableModel model, AdamW optimizer) {
        this.model = model;
        this.optimizer = optimizer;
    }

    void write(Path directory) {
        SafetensorsWriter weights = new SafetensorsWriter();
        model.parameters()
                .forEach(
                        (name, array) -> {
                            if (array.hasGradient()) {
                                add(weights, name, array);
                            }
                        });
        weights.writeFile(directory.resolve(WEIGHTS));
        SafetensorsWriter memory = new SafetensorsWriter();
        Map<String, AdamW.Moments> moments = optimizer.moments();
        for (String name : new TreeSet<>(moments.keySet())) {
            AdamW.Moments each = moments.get(name);
            add(memory, MEAN + name, each.mean());
            add(memory, SQUARE + name, each.square());
            memory.metadata(STEPS + name, Long.toString(each.steps()));
        }
        memory.writeFile(directory.resolve(OPTIMIZER));
    }

    private static void add(SafetensorsWriter writer, String name, NDArray array) {
        TensorInfo info = new TensorInfo(name, ElementType.FLOAT32, array.getShape());
        writer.add(
                info,
                () ->
                        new StoredTensor(
                                name,
                                info.type(),
                                info.shape(),
                                array.toByteBuffer().order(ByteOrder.LITTLE_ENDIAN)));
    }

    void read(Path directory) {
        readWeights(directory);
        try (Checkpoint memory = Checkpoint.open(directory.resolve(OPTIMIZER))) {
            memory.metadata()
                    .forEach(
                            (key, steps) -> {
                                if (key.startsWith(STEPS)) {
                                    String name = key.substring(STEPS.length());
                                    optimizer.restore(
                                            name,
                                            numbers(memory, MEAN + name),
                                            numbers(memory, SQUARE + name),
                                            Long.parseLong(steps));
                                }
                            });
        }
    }

    void readWeights(Path directory) {
        try (Checkpoint weights = Checkpoint.open(directory.resolve(WEIGHTS))) {
            for (String name : weights.names()) {
                NDArray parameter = model.parameters().get(name);
                TensorInfo info = weights.info(name);
                if (parameter == null || !parameter.getShape().equals(info.shape())) {
                    throw new M3Exception(
                            weights.path()
                                    + ": "
                                    + name
                                    + " of shape "
                                    + info.shape()
                                    + ": the model that the recipe starts from has "
                                    + (parameter == null
                                            ? "no such parameter"
                                            : "shape " + parameter.getShape()));
                }
                model.assign(name, numbers(weights, name));
            }
        }
    }

    private static FloatBuffer numbers(Checkpoint checkpoint, String name) {
        return checkpoint.get(name).data().asFloatBuffer();
    }
}
