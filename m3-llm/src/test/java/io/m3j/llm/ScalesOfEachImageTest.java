package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.scale.ScalePolicy;
import io.m3j.llm.scale.ScalePolicy.Shown;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.ImageScales;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Several pictures in one prompt, each at scales of its own. */
class ScalesOfEachImageTest {

    private static final Scale ONE = Scale.of(1);
    private static final Scale NINE = Scale.of(9);
    private static final Scale THIRTY_SIX = Scale.of(36);
    private static final int NEW_TOKENS = 4;

    /** Two slots: text, a picture, text, another picture, text. */
    private static final long[] IDS = {1, 20, 30, -200, 40, 50, 60, -200, 70, 80};

    private static M3Model model;
    private static EncodedImage land;
    private static EncodedImage port;

    @BeforeAll
    static void load() {
        model = GoldenRequests.model("llava-next-m3-bf16");
        land = model.encode(GoldenRequests.picture("land_640x480"));
        port = model.encode(GoldenRequests.picture("port_300x451"));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    private static GenerationOptions.Builder options() {
        return GenerationOptions.builder().maxNewTokens(NEW_TOKENS).ignoreEndOfSequence(true);
    }

    /** The likeliest ids one after another, each from the logits of the whole prompt before it. */
    private static List<Long> greedy(List<EncodedImage> images, List<ImageScales> scales) {
        List<Long> ids = new ArrayList<>();
        for (int i = 0; i < NEW_TOKENS; i++) {
            long[] prompt =
                    LongStream.concat(LongStream.of(IDS), ids.stream().mapToLong(Long::longValue))
                            .toArray();
            try (NDArray logits = model.logits(images, prompt, scales)) {
                float[] last = Rows.last(logits);
                int best = 0;
                for (int id = 1; id < last.length; id++) {
                    best = last[id] > last[best] ? id : best;
                }
                ids.add((long) best);
            }
        }
        return ids;
    }

    @Test
    void eachPictureIsReadAtItsOwnScale() {
        List<EncodedImage> images = List.of(land, port);
        List<ImageScales> scales =
                List.of(
                        ImageScales.same(THIRTY_SIX, land.layout()),
                        ImageScales.same(ONE, port.layout()));
        GenerationOptions each = options().scales(ScalePolicy.each(THIRTY_SIX, ONE)).build();
        Answer answer = answer(images, each);
        assertThat(answer.visualTokens())
                .isEqualTo(land.tokenCount(THIRTY_SIX) + port.tokenCount(ONE));
        assertThat(answer.promptTokens()).isEqualTo(IDS.length - 2 + answer.visualTokens());
        assertThat(answer.ids()).isEqualTo(greedy(images, scales));
        assertThat(model.generateIds(images, IDS, each)).isEqualTo(answer.ids());
        GenerationOptions other = options().scales(ScalePolicy.each(ONE, THIRTY_SIX)).build();
        assertThat(answer(images, other).visualTokens())
                .isEqualTo(land.tokenCount(ONE) + port.tokenCount(THIRTY_SIX));
    }

    private static Answer answer(List<EncodedImage> images, GenerationOptions options) {
        return model.generate(List.of(Request.ofIds(images, IDS, options))).get(0);
    }

    @Test
    void oneScaleForAllIsTheSameForEach() {
        List<EncodedImage> images = List.of(land, port);
        GenerationOptions each = options().scales(ScalePolicy.each(NINE, NINE)).build();
        Answer all = answer(images, options().scale(NINE).build());
        Answer listed = answer(images, each);
        assertThat(listed.ids()).isEqualTo(all.ids());
        assertThat(listed.promptTokens()).isEqualTo(all.promptTokens());
    }

    @Test
    void requestsOfABatchMayMixPicturesAndScales() {
        List<EncodedImage> images = List.of(land, port);
        ImageScales one = ImageScales.of(NINE, ONE, land.layout()).with(2, THIRTY_SIX);
        ScalePolicy byPart =
                ScalePolicy.each(List.of(ScalePolicy.fixed(one), ScalePolicy.fixed(NINE, ONE)));
        List<Request> requests =
                Stream.of(ScalePolicy.each(THIRTY_SIX, NINE), byPart, ScalePolicy.fixed(NINE))
                        .map(policy -> options().scales(policy).build())
                        .map(options -> Request.ofIds(images, IDS, options))
                        .toList();
        List<Answer> together = model.generate(requests);
        for (int i = 0; i < requests.size(); i++) {
            GenerationOptions options = requests.get(i).options();
            assertThat(together.get(i).ids()).isEqualTo(model.generateIds(images, IDS, options));
        }
        List<ImageScales> parts = List.of(one, ImageScales.of(NINE, ONE, port.layout()));
        assertThat(together.get(1).ids()).isEqualTo(greedy(images, parts));
    }

    @Test
    void aPolicySeesTheOtherPicturesAndTheQuestion() {
        List<Shown> seen = new ArrayList<>();
        ScalePolicy policy =
                ScalePolicy.seeing(
                        shown -> {
                            seen.add(shown);
                            return ImageScales.same(NINE, shown.image().layout());
                        });
        GenerationOptions options = options().scales(policy).build();
        List<EncodedImage> images = List.of(land, port, land);
        model.generate(images, "Which of them?", options, piece -> {});
        Optional<String> question = Optional.of("Which of them?");
        assertThat(seen)
                .containsExactly(
                        new Shown(images, 0, question),
                        new Shown(images, 1, question),
                        new Shown(images, 2, question));
        assertThat(seen.get(1).image()).isSameAs(port);
        seen.clear();
        model.generateIds(List.of(land, port), IDS, options);
        assertThat(seen).extracting(Shown::question).containsOnly(Optional.empty());
        seen.clear();
        policy.choose(port);
        assertThat(seen).containsExactly(new Shown(List.of(port), 0, Optional.empty()));
    }

    @Test
    void scalesForAnotherNumberOfPicturesAreRefused() {
        GenerationOptions two = options().scales(ScalePolicy.each(NINE, ONE)).build();
        assertThatThrownBy(() -> model.generate(land, "What?", two, piece -> {}))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("scales: 2, one for each image, for 1 images");
        Request three = Request.of(List.of(land, port, port), "What?", two);
        assertThatThrownBy(() -> model.generate(List.of(three)))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining(
                        "request 0 of 1: scales: 2, one for each image, for 3 images");
        GenerationOptions unknown = options().scales(ScalePolicy.each(NINE, Scale.of(4))).build();
        assertThatThrownBy(() -> model.generateIds(List.of(land, port), IDS, unknown))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("scale 4");
    }
}
