package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.M3Tokenizer;
import io.m3j.train.data.Example;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** Examples with no picture, one and several, each cut into tiles of its own number, and what they are held against. */
abstract class RaggedTestBase {

    static final String NEXT = "llava-next-hf";
    static final String NEXT_BF16 = "llava-next-m3-bf16";
    static final String NEWLINE = "image_newline";

    static final int LONGEST = 8192;

    static final List<Scale> SCALES =
            List.of(Scale.of(1), Scale.of(9), Scale.of(36), Scale.of(144), Scale.of(576));

    /** All but the finest, for what need not be asked of thousands of tokens. */
    static final List<Scale> FEW = SCALES.subList(0, 3);

    static final M3Image LAND = picture("land_640x480");
    static final M3Image TALL = picture("tall_33x700");
    static final M3Image WIDE = picture("wide_900x40");

    @TempDir Path temporary;

    final List<TrainableModel> opened = new ArrayList<>();

    @AfterEach
    void close() {
        opened.forEach(TrainableModel::close);
    }

    TrainableModel open(Path directory, Set<Part> learning) {
        TrainableModel model = TrainableModel.open(directory, Device.cpu(), learning);
        opened.add(model);
        return model;
    }

    TrainableModel open(String checkpoint) {
        return open(Golden.checkpoint(checkpoint), Set.of(Part.values()));
    }

    static M3Image picture(String name) {
        return M3Image.of(Golden.image(name + ".png"));
    }

    static M3Model asked(Path directory) {
        return M3Model.load(directory, LoadOptions.builder().precision(Precision.FLOAT32).build());
    }

    /** A text, a picture, and two of other sizes, one tall and one wide, with an answer between them. */
    static List<Example> mixed() {
        return List.of(
                example("text", 9, 4, List.of()),
                example("one", 11, 6, List.of(LAND), 2),
                example("two", 14, 9, List.of(TALL, WIDE), 1, 11));
    }

    /** Ids by chance, slots at the places named, labels from some place on. */
    private static Example example(
            String id, int length, int answer, List<M3Image> images, int... slots) {
        Random random = new Random(id.hashCode());
        long[] ids = new long[length];
        long[] labels = new long[length];
        for (int i = 0; i < length; i++) {
            ids[i] = i == 0 ? 1 : 3 + random.nextInt(500);
        }
        for (int slot : slots) {
            ids[slot] = M3Tokenizer.IMAGE_ID;
        }
        for (int i = 0; i < length; i++) {
            boolean answers = i >= answer && ids[i] != M3Tokenizer.IMAGE_ID;
            labels[i] = answers ? ids[i] : Example.IGNORED;
        }
        return new Example(id, ids, labels, images);
    }

    static TrainingBatch batch(TrainableModel model, List<Example> examples) {
        return new TrainingBatch(
                examples,
                examples.stream()
                        .flatMap(example -> example.images().stream())
                        .map(model.imageProcessor()::tiles)
                        .toList());
    }

    static TrainingBatch mixed(TrainableModel model) {
        return batch(model, mixed());
    }

    static double logSoftmax(float[] logits, int start, int width, long id) {
        double sum = 0;
        for (int i = 0; i < width; i++) {
            sum += Math.exp(logits[start + i]);
        }
        return logits[start + (int) id] - Math.log(sum);
    }

    static double crossEntropy(M3Model asked, List<Example> examples, Scale scale, int longest) {
        double sum = 0;
        int labels = 0;
        for (Example example : examples) {
            List<EncodedImage> images = example.images().stream().map(asked::encode).toList();
            try (NDArray logits = asked.logits(images, example.ids(), scale)) {
                int width = (int) logits.getShape().get(1);
                float[] all = logits.toFloatArray();
                int place = 0;
                int picture = 0;
                for (int i = 0; i < example.ids().length; i++) {
                    if (example.labels()[i] != Example.IGNORED && place < longest) {
                        sum -= logSoftmax(all, (place - 1) * width, width, example.labels()[i]);
                        labels++;
                    }
                    boolean slot = example.ids()[i] == M3Tokenizer.IMAGE_ID;
                    place += slot ? images.get(picture++).tokenCount(scale) : 1;
                }
            } finally {
                images.forEach(EncodedImage::close);
            }
        }
        return sum / labels;
    }

    /** Along the gradient, where the loss is steepest, and along a direction of chance. */
    static void slope(TrainableModel model, List<Example> examples, LossOptions loss) {
        TrainingBatch batch = batch(model, examples);
        TrainingStep step = new TrainingStep(model, StepOptions.plain(LONGEST));
        step.accumulate(batch, loss, 1, 0);
        float[] gradient = Gathered.gradients(model).get(NEWLINE);
        float[] values = model.parameters().get(NEWLINE).toFloatArray();
        Random random = new Random(7);
        double[] chance = new double[values.length];
        double[] steepest = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            steepest[i] = gradient[i] / norm(gradient);
            chance[i] = steepest[i] + 0.2 * random.nextGaussian();
        }
        for (double[] direction : new double[][] {steepest, chance}) {
            double expected = 0;
            for (int i = 0; i < values.length; i++) {
                expected += direction[i] * gradient[i];
            }
            double ahead = moved(model, step, batch, loss, values, direction, 0.02);
            double behind = moved(model, step, batch, loss, values, direction, -0.02);
            assertThat((ahead - behind) / 0.04).isCloseTo(expected, within(0.02 * expected));
        }
    }

    private static double moved(
            TrainableModel model,
            TrainingStep step,
            TrainingBatch batch,
            LossOptions loss,
            float[] values,
            double[] direction,
            double far) {
        float[] moved = values.clone();
        for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) (far * direction[i]);
        }
        model.assign(NEWLINE, FloatBuffer.wrap(moved));
        double value = step.evaluate(batch, loss).loss();
        model.assign(NEWLINE, FloatBuffer.wrap(values));
        return value;
    }

    static double norm(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }
}
