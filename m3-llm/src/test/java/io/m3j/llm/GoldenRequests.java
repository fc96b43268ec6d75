package io.m3j.llm;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The reference's prompts and greedy answers: every case of m3_A at every scale, on llava-m3. */
public final class GoldenRequests implements AutoCloseable {

    /** Ids of each golden answer. */
    public static final int NEW_TOKENS = 24;

    /**
     * One prompt.
     *
     * @param name of case and scale
     * @param images encoded
     * @param ids with slots
     * @param scale of the images
     * @param generated what the reference answers
     */
    public record Case(
            String name, List<EncodedImage> images, long[] ids, Scale scale, List<Long> generated) {

        /** The request for some of the answer. */
        public Request request(int newTokens) {
            return Request.ofIds(images, ids, options(newTokens).build());
        }

        GenerationOptions.Builder options(int newTokens) {
            return GenerationOptions.builder()
                    .scale(scale)
                    .maxNewTokens(newTokens)
                    .ignoreEndOfSequence(true);
        }

        /** The answer to that. */
        public List<Long> expected(int newTokens) {
            return generated.subList(0, newTokens);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** The model; has a tokenizer too. */
    public final M3Model model;

    /** The prompts, by case and scale. */
    public final List<Case> cases = new ArrayList<>();

    private final Map<String, EncodedImage> images = new HashMap<>();

    /**
     * @param checkpoint name of a golden one
     * @return its model in float32, with the golden tokenizer; to be closed by the caller
     */
    static M3Model model(String checkpoint) {
        return model(checkpoint, Precision.FLOAT32);
    }

    /** The same in another precision. */
    static M3Model model(String checkpoint, Precision precision) {
        LoadOptions options =
                LoadOptions.builder()
                        .precision(precision)
                        .tokenizer(Golden.checkpoint("tokenizer"))
                        .build();
        return M3Model.load(Golden.checkpoint(checkpoint), options);
    }

    /**
     * Loads model and images, in float32.
     *
     * @param prefixBytes of the model
     */
    public GoldenRequests(long prefixBytes) {
        this(prefixBytes, Precision.FLOAT32);
    }

    /**
     * Loads model and images.
     *
     * @param prefixBytes of the model
     * @param precision of the model
     */
    GoldenRequests(long prefixBytes, Precision precision) {
        LoadOptions options =
                LoadOptions.builder()
                        .precision(precision)
                        .tokenizer(Golden.checkpoint("tokenizer"))
                        .prefixBytes(prefixBytes)
                        .build();
        model = M3Model.load(Golden.checkpoint("llava-m3"), options);
        Golden.json("golden/m3.json").at("/cases/A/cases").properties().forEach(this::add);
    }

    private void add(Map.Entry<String, JsonNode> entry) {
        List<EncodedImage> shown = new ArrayList<>();
        entry.getValue().get("images").forEach(name -> shown.add(image(name.asText())));
        long[] ids = GoldenModelTest.longs(entry.getValue().get("ids"));
        for (Map.Entry<String, JsonNode> scale : entry.getValue().get("scales").properties()) {
            cases.add(
                    new Case(
                            entry.getKey() + " at " + scale.getKey(),
                            shown,
                            ids,
                            Scale.of(Integer.parseInt(scale.getKey())),
                            GoldenModelTest.list(scale.getValue().get("generated"))));
        }
    }

    /** Makes what is made once and stays: every scale of the pictures, the rotary tables. */
    public void warmUp() {
        cases.forEach(c -> c.images().forEach(image -> image.at(c.scale())));
        model.logits(List.of(), new long[1300], Scale.of(1)).close();
    }

    /** One of the pictures, encoded once. */
    public EncodedImage image(String name) {
        return images.computeIfAbsent(name, n -> model.encode(picture(n)));
    }

    /** One of the pictures. */
    public static M3Image picture(String name) {
        return M3Image.of(Golden.image(name + ".png"));
    }

    @Override
    public void close() {
        images.values().forEach(EncodedImage::close);
        model.close();
    }
}
