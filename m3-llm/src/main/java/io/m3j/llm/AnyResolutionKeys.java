package io.m3j.llm;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.ConfigJson;
import io.m3j.vision.AnyResolution;
import io.m3j.vision.PatchMerge;
import io.m3j.vision.PinpointOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads how a checkpoint cuts pictures into tiles, from the keys of either layout. */
final class AnyResolutionKeys {

    static final String ASPECT = "image_aspect_ratio";

    private static final String PINPOINTS = "image_grid_pinpoints";
    private static final String MERGE = "mm_patch_merge_type";
    private static final Pattern ANY = Pattern.compile("anyres(?:_max_([1-9]\\d{0,3}))?");

    /**
     * The authors' scripts also write the list as a text of Python tuples. The repetition takes no step back, for
     * which a long list would need a deep stack.
     */
    private static final Pattern TEXT_LIST =
            Pattern.compile(
                    "\\s*[\\[(](?:\\s*[\\[(]\\s*\\d{1,6}\\s*,\\s*\\d{1,6}\\s*[\\])]\\s*,?)++\\s*[\\])]\\s*");

    private static final Pattern TEXT_PAIR = Pattern.compile("(\\d{1,6})\\s*,\\s*(\\d{1,6})");

    private AnyResolutionKeys() {}

    /**
     * @param json config.json in the authors' layout
     * @return how pictures are cut; empty if they are not
     */
    static Optional<AnyResolution> original(ConfigJson json) {
        PatchMerge merge = json.checked(() -> PatchMerge.of(json.text(MERGE).orElse("flat")));
        if (!aspectIsAny(json)) {
            return Optional.empty();
        }
        List<List<Integer>> pairs = pairs(json);
        if (pairs.isEmpty()) {
            throw json.wrong(
                    PINPOINTS, "the canvases of a model of any resolution, such as [[336, 672]]");
        }
        return Optional.of(any(json, pairs, PinpointOrder.WIDTH_HEIGHT, merge));
    }

    /**
     * @param json config.json in Hugging Face's layout
     * @param directory with preprocessor_config.json, which names the canvases if config.json does not
     * @return how pictures are cut; empty if they are not
     */
    static Optional<AnyResolution> huggingFace(ConfigJson json, Path directory) {
        boolean next = json.text("model_type").orElse("").equals("llava_next");
        if (!next && !aspectIsAny(json)) {
            return Optional.empty();
        }
        List<List<Integer>> pairs = pairs(json);
        if (pairs.isEmpty()) {
            ConfigJson processor =
                    ConfigJson.readIfPresent(directory.resolve("preprocessor_config.json"));
            pairs = pairs(processor);
        }
        if (pairs.isEmpty()) {
            pairs = AnyResolution.DEFAULT_PINPOINTS;
        }
        // Its LlavaNextForConditionalGeneration knows no other way to merge.
        return Optional.of(any(json, pairs, PinpointOrder.HEIGHT_WIDTH, PatchMerge.SPATIAL_UNPAD));
    }

    /**
     * @param json config.json
     * @return whether image_aspect_ratio is anyres or anyres_max_N
     */
    static boolean aspectIsAny(ConfigJson json) {
        return json.text(ASPECT).filter(aspect -> ANY.matcher(aspect).matches()).isPresent();
    }

    private static AnyResolution any(
            ConfigJson json, List<List<Integer>> pairs, PinpointOrder order, PatchMerge merge) {
        Matcher aspect = ANY.matcher(json.text(ASPECT).orElse("anyres"));
        OptionalInt most =
                aspect.matches() && aspect.group(1) != null
                        ? OptionalInt.of(Integer.parseInt(aspect.group(1)))
                        : OptionalInt.empty();
        return json.checked(() -> AnyResolution.of(pairs, order, merge, most));
    }

    private static List<List<Integer>> pairs(ConfigJson json) {
        List<List<Integer>> pairs = new ArrayList<>();
        if (!json.has(PINPOINTS)) {
            return pairs;
        }
        JsonNode value = json.raw(PINPOINTS);
        if (value.isTextual() && TEXT_LIST.matcher(value.textValue()).matches()) {
            Matcher pair = TEXT_PAIR.matcher(value.textValue());
            while (pair.find()) {
                pairs.add(
                        List.of(Integer.parseInt(pair.group(1)), Integer.parseInt(pair.group(2))));
            }
            return pairs;
        }
        if (!value.isArray()) {
            throw wrongPairs(json);
        }
        for (JsonNode pair : value) {
            if (!pair.isArray()
                    || pair.size() != 2
                    || !isSide(pair.get(0))
                    || !isSide(pair.get(1))) {
                throw wrongPairs(json);
            }
            pairs.add(List.of(pair.get(0).intValue(), pair.get(1).intValue()));
        }
        return pairs;
    }

    private static boolean isSide(JsonNode side) {
        return side.isIntegralNumber() && side.canConvertToInt();
    }

    private static RuntimeException wrongPairs(ConfigJson json) {
        return json.wrong(PINPOINTS, "a list of pairs of pixels, such as [[336, 672], [672, 336]]");
    }
}
