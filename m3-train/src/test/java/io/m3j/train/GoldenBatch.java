package io.m3j.train;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import io.m3j.train.data.Example;
import io.m3j.vision.M3Image;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;

/** The batches of the golden training runs. */
final class GoldenBatch {

    private GoldenBatch() {}

    static TrainingBatch of(TrainableModel model, JsonNode names) {
        JsonNode all = Golden.json("golden/train.json").get("examples");
        List<Example> examples = new ArrayList<>();
        List<float[]> pixels = new ArrayList<>();
        for (JsonNode name : names) {
            Example example = example(all.get(name.asText()));
            examples.add(example);
            example.images().forEach(image -> pixels.add(model.imageProcessor().pixels(image)));
        }
        return new TrainingBatch(examples, pixels);
    }

    private static Example example(JsonNode one) {
        List<M3Image> images = new ArrayList<>();
        if (!one.get("image").isNull()) {
            images.add(M3Image.of(Golden.image(one.get("image").asText() + ".png")));
        }
        return new Example(
                one.get("name").asText(), longs(one.get("ids")), longs(one.get("labels")), images);
    }

    private static long[] longs(JsonNode numbers) {
        return StreamSupport.stream(numbers.spliterator(), false)
                .mapToLong(JsonNode::asLong)
                .toArray();
    }
}
