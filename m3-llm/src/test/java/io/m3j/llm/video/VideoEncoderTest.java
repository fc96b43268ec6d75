package io.m3j.llm.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.llm.Answer;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.llm.video.EncodedVideo.EncodedFrame;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import io.m3j.vision.TileLayout;
import io.m3j.vision.video.Collage;
import io.m3j.vision.video.Frame;
import io.m3j.vision.video.Sampling;
import io.m3j.vision.video.TokenBudget;
import io.m3j.vision.video.VideoFrames;
import java.awt.image.BufferedImage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** From frames to tokens, on a small model that nobody trained. */
class VideoEncoderTest {

    private static final Sampling EVERY = new Sampling.Rate(1);

    private static M3Model model;

    @BeforeAll
    static void load() {
        LoadOptions options =
                LoadOptions.builder().tokenizer(Golden.checkpoint("tokenizer")).build();
        model = M3Model.load(Golden.checkpoint("llava-m3"), options);
    }

    @AfterAll
    static void close() {
        model.close();
    }

    /** The width tells the number: 10 and up. */
    private static M3Image picture(int number) {
        byte[] rgb = new byte[3 * (10 + number) * 8];
        Arrays.fill(rgb, (byte) (20 + 5 * number));
        return M3Image.ofRgb(10 + number, 8, rgb);
    }

    private static int number(EncodedImage image) {
        return image.width() - 10;
    }

    private static VideoFrames video(int frames) {
        return video(frames, VideoEncoderTest::picture);
    }

    private static VideoFrames video(int frames, IntFunction<M3Image> picture) {
        return VideoFrames.ofFrames(
                IntStream.range(0, frames)
                        .mapToObj(i -> new Frame(Duration.ofSeconds(i), picture.apply(i)))
                        .iterator());
    }

    private static List<Long> seconds(EncodedVideo video) {
        return video.frames().stream().map(frame -> frame.time().getSeconds()).toList();
    }

    private static Scale finest() {
        return model.ladder().finest();
    }

    /** The k-th scale of the ladder. */
    private static Scale scale(int k) {
        return model.ladder().scales().get(k);
    }

    @Test
    void framesShareABudgetAndKeepNoFinerTokensThanTheyAreLookedAtWith() {
        TokenBudget budget = new TokenBudget(5 * scale(1).tokens() + scale(2).tokens());
        List<TileLayout> layouts =
                IntStream.range(0, 6).mapToObj(i -> model.layout(10 + i, 8)).toList();
        try (EncodedVideo encoded = new VideoEncoder(model).encode(video(6), EVERY, budget)) {
            assertThat(encoded.frames())
                    .extracting(EncodedFrame::scale)
                    .isEqualTo(budget.share(layouts, model.ladder()))
                    .contains(scale(1), scale(2));
            assertThat(seconds(encoded)).containsExactly(0L, 1L, 2L, 3L, 4L, 5L);
            assertThat(encoded.visualTokens()).isEqualTo(budget.tokens());
            for (EncodedFrame frame : encoded.frames()) {
                try (EncodedImage whole = model.encode(picture(number(frame.image())))) {
                    assertThat(frame.image().at(frame.scale()).toFloatArray())
                            .isEqualTo(whole.at(frame.scale()).toFloatArray());
                }
                assertThatThrownBy(() -> frame.image().at(finest()))
                        .isInstanceOf(M3Exception.class)
                        .hasMessageContaining("were given up; encode the picture anew");
            }
            Answer answer =
                    encoded.ask(
                            "What happens?", GenerationOptions.builder().maxNewTokens(2), t -> {});
            assertThat(answer.visualTokens()).isEqualTo(budget.tokens());
        }
    }

    @Test
    void aFramesTokensAreThoseOfItsPictureInItsPlace() {
        GenerationOptions.Builder few = GenerationOptions.builder().maxNewTokens(4);
        try (EncodedVideo encoded = new VideoEncoder(model).encode(video(2), EVERY, scale(1));
                EncodedImage first = model.encode(picture(0));
                EncodedImage second = model.encode(picture(1))) {
            assertThat(encoded.ask("What?", few, t -> {}).ids())
                    .isEqualTo(
                            model.generate(
                                            List.of(first, second),
                                            "What?",
                                            GenerationOptions.builder()
                                                    .maxNewTokens(4)
                                                    .scale(scale(1))
                                                    .build(),
                                            t -> {})
                                    .ids());
        }
    }

    /** 300 frames of a few tokens, whatever their number was going to be. */
    @Test
    void howeverManyFramesComeNoMoreTokensAreKeptThanTheNextScaleWouldTake() {
        TokenBudget budget = new TokenBudget(300);
        List<EncodedImage> kept = new ArrayList<>();
        int before = model.managedArrays();
        try (EncodedVideo encoded =
                new VideoEncoder(
                                model,
                                time -> {},
                                image -> {
                                    requireAffordable(kept, budget);
                                    kept.add(image);
                                })
                        .encode(video(300, i -> picture(i % 7)), EVERY, budget)) {
            assertThat(encoded.frames()).hasSize(300);
            assertThat(encoded.frames()).extracting(EncodedFrame::scale).containsOnly(scale(0));
        }
        assertThat(model.managedArrays()).isEqualTo(before);
        assertThatThrownBy(() -> kept.get(0).at(scale(0)))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(
                        () -> new VideoEncoder(model).encode(video(4), EVERY, new TokenBudget(3)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("budget of 3 tokens: expected at least 4");
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    /** Six frames were asked for: to try four, then five, would help nobody. */
    @Test
    void aBudgetThatIsTooSmallIsToldWhatAllFramesTake() {
        int before = model.managedArrays();
        int[] encoded = {0};
        VideoEncoder encoder = new VideoEncoder(model, time -> encoded[0]++);
        assertThatThrownBy(
                        () ->
                                encoder.encode(
                                        knownLength(12),
                                        new Sampling.Uniform(6),
                                        new TokenBudget(3)))
                .isInstanceOf(M3Exception.class)
                .hasMessage(
                        "budget of 3 tokens: expected at least 6, what 6 frames take at the coarsest"
                                + " scale; take fewer frames or more tokens");
        assertThat(encoded[0]).isEqualTo(3);
        Sampling scenes = new Sampling.SceneChanges(5, 0);
        assertThatThrownBy(() -> encoder.encode(video(12), scenes, new TokenBudget(1)))
                .hasMessageContaining("expected at least 5, what 5 frames take");
        // How many come at a rate, their end would tell.
        assertThatThrownBy(() -> encoder.encode(video(40), EVERY, new TokenBudget(3)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(
                        "expected at least 4, what the first 4 frames take at the coarsest scale, and"
                                + " more are to come");
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    @Test
    void theCallersOptionsStayAsTheyWere() {
        GenerationOptions.Builder callers =
                GenerationOptions.builder().maxNewTokens(7).scale(finest()).template("vicuna_v1");
        GenerationOptions were = callers.build();
        try (EncodedVideo encoded = new VideoEncoder(model).encode(video(3), EVERY, scale(0))) {
            assertThat(encoded.ask("What?", callers, t -> {}).visualTokens())
                    .isEqualTo(3 * scale(0).tokens());
            assertThat(callers.build()).isEqualTo(were);
            GenerationOptions.Builder chooses =
                    GenerationOptions.builder().scales(ScalePolicy.fixed(finest()));
            for (GenerationOptions.Builder each : List.of(callers, chooses)) {
                GenerationOptions before = each.build();
                FrameScorer scorer = new AnswerShift(model, "What?", each);
                assertThat(scorer.score(encoded.images(), scale(0))).hasSize(3);
                assertThat(each.build()).isEqualTo(before);
            }
        }
    }

    /** Of so many frames, none has tokens two steps finer than what all of them can afford. */
    private static void requireAffordable(List<EncodedImage> kept, TokenBudget budget) {
        for (Scale scale : model.ladder().scales()) {
            int affordable = model.ladder().scales().indexOf(scale);
            boolean tooFine =
                    affordable >= 2
                            && (long) kept.size() * scale(affordable - 1).tokens()
                                    > budget.tokens();
            for (EncodedImage image : tooFine ? kept : List.<EncodedImage>of()) {
                assertThatThrownBy(() -> image.at(scale)).hasMessageContaining("were given up");
            }
        }
    }

    @Test
    void theCollageIsOnePictureOfSixFrames() {
        List<M3Image> six = IntStream.range(0, 6).mapToObj(i -> picture(2 * i + 1)).toList();
        try (EncodedVideo encoded = new VideoEncoder(model).collage(knownLength(12), scale(1));
                EncodedImage joined = model.encode(Collage.SIX.join(six))) {
            EncodedFrame only = encoded.frames().get(0);
            assertThat(encoded.frames()).hasSize(1);
            assertThat(only.time()).isEqualTo(Duration.ofSeconds(1));
            assertThat(only.image().at(scale(1)).toFloatArray())
                    .isEqualTo(joined.at(scale(1)).toFloatArray());
        }
    }

    private static VideoFrames knownLength(int frames) {
        return VideoFrames.of(
                IntStream.range(0, frames)
                        .mapToObj(
                                i -> {
                                    M3Image from = picture(i);
                                    BufferedImage image =
                                            new BufferedImage(
                                                    from.width(), 8, BufferedImage.TYPE_INT_RGB);
                                    int grey = from.rgb()[0] & 0xff;
                                    for (int p = 0; p < from.width() * 8; p++) {
                                        image.setRGB(
                                                p % from.width(), p / from.width(), grey * 0x10101);
                                    }
                                    return image;
                                })
                        .iterator(),
                1,
                frames);
    }

    /** What it was asked, and scores that tests make up. */
    private static final class Stub implements FrameScorer {
        private final IntFunction<Double> score;
        private final List<Scale> scales = new ArrayList<>();
        private int most;

        Stub(IntFunction<Double> score) {
            this.score = score;
        }

        @Override
        public double[] score(List<EncodedImage> frames, Scale scale) {
            scales.add(scale);
            most = Math.max(most, frames.size());
            assertThat(frames).extracting(VideoEncoderTest::number).isSorted();
            frames.forEach(frame -> frame.at(finest())); // all there still
            return frames.stream().mapToDouble(frame -> score.apply(number(frame))).toArray();
        }
    }

    @Test
    void theFramesThatMatterMostAreFoundWithFewHeldAtAnyTime() {
        Stub stub =
                new Stub(number -> number == 33 ? 9.0 : number == 90 ? 8.0 : number % 10 / 10.0);
        FrameSearch search = new FrameSearch(2, 8, Optional.of(scale(0)));
        int before = model.managedArrays();
        int[] mostArrays = {0};
        VideoEncoder encoder =
                new VideoEncoder(
                        model,
                        time ->
                                mostArrays[0] =
                                        Math.max(mostArrays[0], model.managedArrays() - before));
        TokenBudget budget = new TokenBudget(2 * finest().tokens());
        try (EncodedVideo found = encoder.find(video(100), EVERY, stub, search, budget)) {
            assertThat(seconds(found)).containsExactly(33L, 90L);
            assertThat(found.frames()).extracting(EncodedFrame::scale).containsOnly(finest());
            assertThat(found.frames()).extracting(f -> number(f.image())).containsExactly(33, 90);
        }
        assertThat(model.managedArrays()).isEqualTo(before);
        // 8 kept and 16 that wait.
        assertThat(stub.most).isEqualTo(24);
        int ofOne = model.ladder().scales().size() + 2;
        assertThat(mostArrays[0]).isLessThanOrEqualTo(25 * ofOne);
        // From afar in sixteens; then those kept at each finer scale.
        List<Scale> expected = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            expected.add(scale(0));
        }
        expected.addAll(model.ladder().scales().subList(1, model.ladder().scales().size()));
        assertThat(stub.scales).isEqualTo(expected);
    }

    @Test
    void fewerFramesThanAreSoughtAreAllFound() {
        Stub stub = new Stub(number -> 0.0);
        TokenBudget budget = new TokenBudget(1000);
        try (EncodedVideo found =
                new VideoEncoder(model).find(video(3), EVERY, stub, FrameSearch.of(5), budget)) {
            assertThat(seconds(found)).containsExactly(0L, 1L, 2L);
        }
    }

    @Test
    void ofEqualsTheEarlierAreFound() {
        Stub stub = new Stub(number -> 0.0);
        FrameSearch search = new FrameSearch(3, 4, Optional.empty());
        try (EncodedVideo found =
                new VideoEncoder(model)
                        .find(video(40), EVERY, stub, search, new TokenBudget(1000))) {
            assertThat(seconds(found)).containsExactly(0L, 1L, 2L);
        }
    }

    /** Three of a hundred frames are others; the model, untrained as it is, answers otherwise of them. */
    @Test
    void framesThatChangeTheAnswerAreFoundWhereverTheyAre() {
        for (int place : new int[] {0, 3, 50, 97}) {
            VideoFrames video =
                    video(100, i -> i >= place && i < place + 3 ? patterned() : picture(2));
            FrameSearch search = new FrameSearch(3, 6, Optional.empty());
            try (EncodedVideo found =
                    new VideoEncoder(model)
                            .find(video, EVERY, "What is it?", search, new TokenBudget(1000))) {
                assertThat(seconds(found)).containsExactly(place + 0L, place + 1L, place + 2L);
            }
        }
    }

    private static M3Image patterned() {
        byte[] rgb = new byte[3 * 64 * 64];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (i / 24 * 97);
        }
        return M3Image.ofRgb(64, 64, rgb);
    }

    @Test
    void theShiftIsTheDivergenceFromTheMean() {
        float[] shares =
                AnswerShift.softmax(new float[] {0, (float) Math.log(3), Float.NEGATIVE_INFINITY});
        assertThat(shares).containsExactly(new float[] {0.25f, 0.75f, 0}, Offset.offset(1e-6f));
        // Of two frames, this and one that is sure of the first; a hundredth belongs to all three.
        AnswerShift.Mean mean = new AnswerShift.Mean(3);
        mean.add(shares);
        mean.add(new float[] {1, 0, 0});
        double first = 0.99 * 0.625 + 0.01 / 3;
        double second = 0.99 * 0.375 + 0.01 / 3;
        assertThat(mean.divergence(shares))
                .isCloseTo(
                        0.25 * Math.log(0.25 / first) + 0.75 * Math.log(0.75 / second),
                        within(1e-6));
        assertThat(mean.divergence(new float[] {0, 0, 1})).isCloseTo(Math.log(300), within(1e-6));
        // Where no frame has come so far, all are equally likely.
        assertThat(new AnswerShift.Mean(3).divergence(new float[] {0, 0, 1}))
                .isCloseTo(Math.log(3), within(1e-6));
    }

    private static Offset<Double> within(double tolerance) {
        return Offset.offset(tolerance);
    }

    @Test
    void theLogitsOfManyAnswersAreThoseOfEachAlone() {
        long[] ids = {1, 462, 404, -200, 474, 31};
        GenerationOptions one = GenerationOptions.builder().maxNewTokens(3).scale(scale(1)).build();
        try (EncodedImage a = model.encode(picture(3));
                EncodedImage b = model.encode(patterned())) {
            List<List<float[]>> together =
                    model.answerLogits(
                            List.of(
                                    Request.ofIds(List.of(a), ids, one),
                                    Request.ofIds(List.of(b), ids, one)));
            assertThat(together).hasSize(2).allMatch(all -> all.size() <= 3 && !all.isEmpty());
            for (int i = 0; i < 2; i++) {
                try (NDArray all = model.logits(i == 0 ? a : b, ids, scale(1))) {
                    float[] last = all.get(all.getShape().get(0) - 1).toFloatArray();
                    for (int k = 0; k < last.length; k++) {
                        assertThat(together.get(i).get(0)[k])
                                .isCloseTo(last[k], Offset.offset(1e-4f));
                    }
                }
            }
            assertThat(model.answerLogits(List.of())).isEmpty();
        }
    }

    @Test
    void whatFailsHalfWayLeavesNothingBehind() {
        int before = model.managedArrays();
        VideoEncoder encoder =
                new VideoEncoder(
                        model,
                        time -> {
                            if (time.getSeconds() == 20) {
                                throw new IllegalStateException("enough");
                            }
                        });
        Stub stub = new Stub(number -> 1.0 * number);
        TokenBudget budget = new TokenBudget(1000);
        List<Runnable> all =
                List.of(
                        () -> encoder.encode(video(40), EVERY, budget),
                        () -> encoder.encode(video(40), EVERY, scale(0)),
                        () -> encoder.find(video(40), EVERY, stub, FrameSearch.of(2), budget));
        for (Runnable one : all) {
            assertThatThrownBy(one::run).hasMessage("enough");
            assertThat(model.managedArrays()).isEqualTo(before);
        }
        // The frames are found, and only then there turns out to be no room for them.
        VideoEncoder whole = new VideoEncoder(model);
        TokenBudget none = new TokenBudget(1);
        assertThatThrownBy(() -> whole.find(video(40), EVERY, stub, FrameSearch.of(2), none))
                .hasMessageContaining("budget of 1 tokens");
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    /** A listener's failed assertion, or the heap's end. */
    @Test
    void anErrorLeavesNothingBehindEither() {
        int before = model.managedArrays();
        VideoEncoder encoder =
                new VideoEncoder(
                        model,
                        time -> {
                            throw new AssertionError("enough");
                        });
        assertThatThrownBy(() -> encoder.encode(video(3), EVERY, scale(0))).hasMessage("enough");
        assertThatThrownBy(() -> encoder.collage(video(3), scale(0))).hasMessage("enough");
        assertThat(model.managedArrays()).isEqualTo(before);
    }

    @Test
    void aScoreForEachFrameIsExpected() {
        int before = model.managedArrays();
        for (int length : new int[] {0, 1, 17}) {
            FrameScorer wrong = (frames, scale) -> new double[length];
            assertThatThrownBy(
                            () ->
                                    new VideoEncoder(model)
                                            .find(
                                                    video(40),
                                                    EVERY,
                                                    wrong,
                                                    FrameSearch.of(2),
                                                    new TokenBudget(1000)))
                    .isInstanceOf(M3Exception.class)
                    .hasMessage(
                            "frame scorer: expected a score for each of 16 frames, found "
                                    + length
                                    + " scores");
            assertThat(model.managedArrays()).isEqualTo(before);
        }
    }

    @Test
    void searchesThatMakeNoSenseAreRefused() {
        assertThatThrownBy(() -> FrameSearch.of(0)).isInstanceOf(M3Exception.class);
        assertThatThrownBy(() -> new FrameSearch(3, 2, Optional.empty()))
                .hasMessageContaining(
                        "expected at least as many frames to be kept as are found, 3, got 2");
        FrameSearch odd = FrameSearch.of(1).withCoarse(Scale.of(25));
        assertThatThrownBy(
                        () ->
                                new VideoEncoder(model)
                                        .find(video(2), EVERY, "?", odd, new TokenBudget(99)))
                .hasMessageContaining("scale 25");
        assertThat(FrameSearch.of(2).kept(0, 3)).isEqualTo(64);
        assertThat(FrameSearch.of(2).kept(1, 3)).isEqualTo(11);
        assertThat(FrameSearch.of(2).kept(2, 3)).isEqualTo(2);
        assertThat(FrameSearch.of(2).kept(0, 1)).isEqualTo(2);
    }
}
