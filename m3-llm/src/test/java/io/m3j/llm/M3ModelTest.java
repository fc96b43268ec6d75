package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.golden.GoldenTensors;
import io.m3j.core.torch.Precision;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.Generation;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** What the facade answers, and what it refuses. */
class M3ModelTest {

    private static final long[] PROMPT = {1, 462, 404, -200, 474, 31};

    private static M3Model model;
    private static EncodedImage image;

    @BeforeContainer
    static void load() {
        LoadOptions options =
                LoadOptions.builder().tokenizer(Golden.checkpoint("tokenizer")).build();
        model = M3Model.load(Golden.checkpoint("llava-m3"), options);
        image = model.encode(picture());
    }

    @AfterContainer
    static void close() {
        image.close();
        model.close();
    }

    static M3Image picture() {
        return M3Image.of(Golden.image("land_640x480.png"));
    }

    private static GenerationOptions options(UnaryOperator<GenerationOptions.Builder> settings) {
        return settings.apply(GenerationOptions.builder().scale(Scale.of(1)).maxNewTokens(3))
                .build();
    }

    @Property(tries = 60)
    void anyIdIsAnsweredOrRefused(
            @ForAll("prompts") List<Long> prompt, @ForAll("scales") Integer tokens) {
        long[] ids = prompt.stream().mapToLong(Long::longValue).toArray();
        boolean known = List.of(1, 9, 36, 144, 576).contains(tokens);
        boolean valid = Arrays.stream(ids).allMatch(id -> id == -200 || id >= 0 && id < 512);
        long slots = Arrays.stream(ids).filter(id -> id == -200).count();
        if (known && valid && slots == 1) {
            try (NDArray logits = model.logits(image, ids, Scale.of(tokens))) {
                assertThat(logits.getShape().get(0)).isEqualTo(ids.length - 1 + tokens);
            }
        } else {
            assertThatThrownBy(() -> model.logits(image, ids, Scale.of(tokens)))
                    .isInstanceOf(M3Exception.class);
            GenerationOptions options = options(o -> o);
            if (!valid || slots != 1) {
                assertThatThrownBy(() -> model.generateIds(List.of(image), ids, options))
                        .isInstanceOf(M3Exception.class);
            }
        }
    }

    @Provide
    Arbitrary<List<Long>> prompts() {
        Arbitrary<Long> ids =
                Arbitraries.frequencyOf(
                        net.jqwik.api.Tuple.of(20, Arbitraries.longs().between(0, 511)),
                        net.jqwik.api.Tuple.of(4, Arbitraries.just(-200L)),
                        net.jqwik.api.Tuple.of(1, Arbitraries.longs()));
        return ids.list().ofMaxSize(8);
    }

    @Provide
    Arbitrary<Integer> scales() {
        return Arbitraries.of(1, 1, 1, 9, 9, 36, 4, 25, 256, 1024);
    }

    @Example
    void idsOutOfTheVocabularyAreNamedWithTheirPlace() {
        for (long id : new long[] {512, -1, -199, 32_000, Long.MAX_VALUE, Long.MIN_VALUE}) {
            assertRefused(
                    () -> model.logits(image, new long[] {1, -200, id}, Scale.of(1)),
                    "id " + id,
                    "position 2",
                    "0 to 511");
        }
    }

    @Example
    void slotsAndImagesMustAgree() {
        assertRefused(
                () -> model.logits(List.of(image, image), PROMPT, Scale.of(1)),
                "1 image slot for 2 images;");
        assertRefused(
                () -> model.generateIds(List.of(), PROMPT, options(o -> o)),
                "1 image slot for 0 images;");
        assertRefused(
                () -> model.logits(image, new long[] {1, 2}, Scale.of(1)),
                "0 image slots for 1 image;");
        assertRefused(
                () -> model.generate(image, "<image> and <image>?", options(o -> o), p -> {}),
                "2 image slots for 1 image;");
        assertRefused(() -> model.logits(image, new long[] {-201}, Scale.of(1)), "prompt id -201");
    }

    @Example
    void anEmptyPromptIsRefused() {
        assertRefused(() -> model.logits(List.of(), new long[0], Scale.of(1)), "at least one id");
        assertRefused(
                () -> model.generateIds(List.of(), new long[0], options(o -> o)),
                "at least one id");
    }

    @Example
    void aContextThatWouldOverflowIsRefusedWithTheNumbers() {
        assertRefused(
                () ->
                        model.generateIds(
                                List.of(image),
                                PROMPT,
                                options(o -> o.scale(Scale.of(576)).maxNewTokens(3516))),
                "581 positions (1 image at scale 576)",
                "use a coarser scale, a shorter prompt or fewer new tokens",
                "3516",
                "4096");
        assertRefused(
                () ->
                        model.generateIds(
                                List.of(image),
                                PROMPT,
                                options(o -> o.maxNewTokens(Integer.MAX_VALUE))),
                "2147483647");
        long[] eight = new long[8];
        Arrays.fill(eight, -200);
        List<EncodedImage> images = java.util.Collections.nCopies(8, image);
        assertRefused(() -> model.logits(images, eight, Scale.of(576)), "4608 positions (8 images");
    }

    @Example
    void aCoarserScaleIsAdvisedOnlyWhereThereIsOne() {
        GenerationOptions many = options(o -> o.maxNewTokens(5000));
        assertRefused(
                () -> model.generateIds(List.of(image), PROMPT, many),
                "use a shorter prompt or fewer new tokens");
        GenerationOptions finest = options(o -> o.scale(Scale.of(576)).maxNewTokens(5000));
        assertRefused(
                () -> model.generateIds(List.of(), new long[] {1}, finest),
                "1 position (0 images",
                "use a shorter prompt or fewer new tokens");
    }

    @Example
    void anArgumentThatIsNullIsNamed() {
        GenerationOptions some = options(o -> o);
        Scale one = Scale.of(1);
        assertNull(() -> M3Model.load(null), "directory");
        assertNull(() -> M3Model.load(Path.of("x"), null), "options");
        assertNull(() -> M3Model.random(null, 1, LoadOptions.defaults()), "shape");
        assertNull(() -> model.encode(null), "image");
        assertNull(() -> model.ask(null, "What?", one), "image");
        assertNull(() -> model.ask(picture(), null, one), "question");
        assertNull(() -> model.ask(picture(), "What?", null), "scale");
        assertNull(() -> model.generate((EncodedImage) null, "What?", some, p -> {}), "image");
        assertNull(() -> model.generate(image, null, some, p -> {}), "question");
        assertNull(() -> model.generate(image, "What?", null, p -> {}), "options");
        assertNull(() -> model.generate(image, "What?", some, null), "onText");
        assertNull(() -> model.generateIds(null, PROMPT, some), "images");
        assertNull(() -> model.generateIds(List.of(image), null, some), "ids");
        assertNull(() -> model.generateIds(List.of(image), PROMPT, null), "options");
        assertNull(() -> model.start(List.of(), PROMPT, some, null), "stopStrings");
        assertNull(() -> model.logits((EncodedImage) null, PROMPT, one), "image");
        assertNull(() -> model.logits(image, PROMPT, null), "scale");
        assertNull(() -> model.tokenizer().encode(null), "text");
        assertNull(() -> model.tokenizer().encodeWithImages(null), "prompt");
        assertNull(() -> model.tokenizer().decode(null, true), "ids");
    }

    private static void assertNull(Runnable call, String argument) {
        assertThatThrownBy(call::run)
                .isInstanceOf(NullPointerException.class)
                .hasMessage(argument + ": expected a value, found null");
    }

    @Example
    void theLastPositionOfTheContextCanBeUsed() {
        GenerationOptions one = options(o -> o.maxNewTokens(1));
        long[] ids = new long[4095];
        Arrays.fill(ids, 5);
        assertThat(model.generateIds(List.of(), ids, one)).hasSize(1);
    }

    @Example
    void severalImagesFollowTheOrderOfTheirSlots() {
        try (EncodedImage other = model.encode(M3Image.of(Golden.image("port_300x451.png")))) {
            long[] ids = {1, -200, 7, -200};
            float[] both = logits(List.of(image, other), ids);
            float[] twice = logits(List.of(image, image), ids);
            int beforeTheSecond = 3 * 512;
            assertThat(Arrays.copyOf(both, beforeTheSecond))
                    .isEqualTo(Arrays.copyOf(twice, beforeTheSecond));
            assertThat(both).isNotEqualTo(twice);
        }
    }

    @Example
    void huggingFacesImageTokenIsASlotToo() {
        long[] ids = {1, 462, -200, 404, -200, 31};
        long[] theirs = {1, 462, 511, 404, 511, 31};
        try (M3Model other = M3Model.load(Golden.checkpoint("llava-hf"));
                EncodedImage picture = other.encode(picture());
                NDArray found = other.logits(List.of(picture, picture), theirs, Scale.of(9));
                NDArray same = other.logits(List.of(picture, picture), ids, Scale.of(9))) {
            assertThat(found.toFloatArray()).isEqualTo(same.toFloatArray());
            assertThat(found.toFloatArray()).isEqualTo(logits(List.of(image, image), ids, 9));
        }
        // In the original layout 511 is a word.
        assertRefused(() -> model.logits(image, theirs, Scale.of(9)), "0 image slots");
    }

    @Example
    void anImageOfAnotherModelIsRefused() {
        // Of the same shape, so that nothing else would tell.
        try (M3Model other = M3Model.load(Golden.checkpoint("llava-hf"));
                EncodedImage foreign = other.encode(picture())) {
            assertRefused(
                    () -> model.logits(foreign, PROMPT, Scale.of(1)),
                    "encoded by another model",
                    "encode it with the model");
        }
    }

    @Example
    void aQuestionAboutAPictureIsAnsweredInText() {
        StringBuilder streamed = new StringBuilder();
        GenerationOptions options = options(o -> o.scale(Scale.of(9)).maxNewTokens(12));
        Answer answer = model.generate(image, "What is it?", options, streamed::append);
        assertThat(answer.text()).isEqualTo(streamed.toString().strip());
        assertThat(answer.visualTokens()).isEqualTo(9);
        assertThat(answer.promptTokens()).isGreaterThan(9 + "What is it?".length() / 4);
        assertThat(answer.finishReason()).isEqualTo(FinishReason.LENGTH);
        assertThat(answer.ids()).hasSize(12);
        assertThat(answer.timings().encode()).isPositive();
        Answer again = model.ask(picture(), "What is it?", Scale.of(9));
        assertThat(again.ids().subList(0, 12)).isEqualTo(answer.ids());
    }

    @Example
    void aQuestionWithoutAPictureIsAnswered() {
        Answer answer = model.generate(List.of(), "Who?", options(o -> o), piece -> {});
        assertThat(answer.visualTokens()).isZero();
        assertThat(answer.ids()).hasSize(3);
    }

    @Example
    void whatTheListenerThrowsEndsTheAnswerAndFreesIt() {
        int before = model.managedArrays();
        GenerationOptions many = options(o -> o.maxNewTokens(200));
        assertThatThrownBy(
                        () ->
                                model.generate(
                                        image,
                                        "What?",
                                        many,
                                        piece -> {
                                            throw new IllegalArgumentException("enough");
                                        }))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("enough");
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    @Example
    void drawsRepeatWithTheirSeed() {
        GenerationOptions draw = options(o -> o.temperature(2).topP(0.9).seed(11).maxNewTokens(16));
        List<Long> first = model.generateIds(List.of(image), PROMPT, draw);
        assertThat(model.generateIds(List.of(image), PROMPT, draw)).isEqualTo(first);
        GenerationOptions other =
                options(o -> o.temperature(2).topP(0.9).seed(12).maxNewTokens(16));
        assertThat(model.generateIds(List.of(image), PROMPT, other)).isNotEqualTo(first);
    }

    @Example
    void aStreamGivesTheIdsOfTheWholeAnswer() {
        GenerationOptions options = options(o -> o.maxNewTokens(10));
        try (Generation generation = model.start(List.of(image), PROMPT, options, List.of())) {
            StringBuilder text = new StringBuilder();
            generation.forEachRemaining(text::append);
            assertThat(generation.ids())
                    .isEqualTo(model.generateIds(List.of(image), PROMPT, options));
            assertThat(text).hasToString(generation.text());
        }
    }

    /** Against the reference in bfloat16, and no further from float32 than the reference itself. */
    @Example
    void bfloat16IsAsCloseToFloat32AsTheReferenceIs() {
        GoldenTensors golden = Golden.tensors("golden/hf_variants.safetensors");
        long[] ids =
                GoldenModelTest.longs(Golden.json("golden/m3.json").at("/cases/A/cases/c0/ids"));
        LoadOptions options = LoadOptions.builder().precision(Precision.BFLOAT16).build();
        try (M3Model bfloat16 = M3Model.load(Golden.checkpoint("llava-hf-bf16"), options);
                EncodedImage picture = bfloat16.encode(picture())) {
            for (Scale scale : picture.ladder().scales()) {
                double theirs =
                        Golden.json("golden/hf.json")
                                .at("/variants/llava-hf-bf16/c0/" + scale)
                                .at("/native_bf16_vs_fp32/rel_l2")
                                .asDouble();
                float[] exact = golden.f32("llava-hf-bf16.c0.logits_last4." + scale);
                try (NDArray logits = bfloat16.logits(picture, ids, scale)) {
                    float[] all = logits.toFloatArray();
                    float[] last = Arrays.copyOfRange(all, all.length - exact.length, all.length);
                    assertThat(relativeDistance(last, exact))
                            .as("scale %s", scale)
                            .isPositive()
                            .isLessThan(2 * theirs);
                }
                GenerationOptions five = options(o -> o.scale(scale).maxNewTokens(5));
                assertThat(bfloat16.generateIds(List.of(picture), ids, five)).isNotEmpty();
            }
        }
    }

    private static double relativeDistance(float[] found, float[] exact) {
        double distance = 0;
        double length = 0;
        for (int i = 0; i < exact.length; i++) {
            distance += Math.pow(found[i] - exact[i], 2);
            length += Math.pow(exact[i], 2);
        }
        return Math.sqrt(distance / length);
    }

    private static float[] logits(List<EncodedImage> images, long[] ids) {
        return logits(images, ids, 1);
    }

    private static float[] logits(List<EncodedImage> images, long[] ids, int scale) {
        try (NDArray logits = model.logits(images, ids, Scale.of(scale))) {
            return logits.toFloatArray();
        }
    }

    private static void assertRefused(Runnable call, String... parts) {
        assertThatThrownBy(call::run)
                .isInstanceOf(M3Exception.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }
}
