package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Kernels;
import io.m3j.core.torch.Precision;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** What is reused of prompts that begin alike, and that it makes no difference. */
class PrefixCacheTest {

    /** float32 sums in another order. */
    private static final float TOLERANCE = 1e-4f;

    private static final long MEBIBYTE = 1 << 20;
    private static final int NEW_TOKENS = 4;

    private static LoadedParts parts;
    private static List<EncodedImage> images;

    @BeforeContainer
    static void load() {
        parts = new LoadedParts(Golden.checkpoint("llava-m3-gqa-sharded"));
        images =
                List.of(
                        parts.encode(GoldenRequests.picture("land_640x480")),
                        parts.encode(GoldenRequests.picture("port_300x451")));
        // What is made once and stays: scales, and rotary tables.
        images.forEach(image -> List.of(1, 9, 144).forEach(s -> image.at(Scale.of(s))));
        try (PrefixCache none = new PrefixCache(parts.decoder(), 0)) {
            logits(new Parts(0, 0, 144, 0, 1).prompt(), none);
        }
    }

    @AfterContainer
    static void close() {
        parts.close();
    }

    /** A prompt of few kinds of parts, so that many begin alike. */
    private record Parts(int system, int image, int scale, int question, int secondImage) {

        Prompt prompt() {
            List<EncodedImage> shown = new ArrayList<>();
            LongStream ids = text(system, 40);
            if (image >= 0) {
                shown.add(images.get(image));
                ids = LongStream.concat(ids, LongStream.of(-200));
            }
            ids = LongStream.concat(ids, text(question, 9));
            if (secondImage >= 0) {
                shown.add(images.get(secondImage));
                ids = LongStream.concat(ids, LongStream.of(-200, 7));
            }
            return parts.fusion.prompt(
                    shown, ids.toArray(), Fusion.same(shown, Scale.of(scale)), NEW_TOKENS);
        }

        private static LongStream text(int kind, int length) {
            return LongStream.range(0, length).map(i -> 3 + (i * 31 + (i > 20 ? kind : 0)) % 500);
        }
    }

    @Provide
    Arbitrary<Parts> prompts() {
        return Combinators.combine(
                        Arbitraries.of(0, 0, 1),
                        Arbitraries.of(-1, 0, 0, 1),
                        Arbitraries.of(1, 9, 9, 144),
                        Arbitraries.integers().between(0, 3),
                        Arbitraries.of(-1, -1, 0, 1))
                .as(Parts::new);
    }

    @Property(tries = 30)
    void whatIsReusedChangesNothing(
            @ForAll @Size(min = 2, max = 6) List<@From("prompts") Parts> prompts) {
        int arrays = parts.kernels.managedArrays();
        try (PrefixCache none = new PrefixCache(parts.decoder(), 0);
                PrefixCache kept = new PrefixCache(parts.decoder(), 16 * MEBIBYTE)) {
            for (Parts prompt : prompts) {
                float[] alone = logits(prompt.prompt(), none);
                float[] reusing = logits(prompt.prompt(), kept);
                for (int i = 0; i < alone.length; i++) {
                    assertThat(Math.abs(reusing[i] - alone[i])).isLessThanOrEqualTo(TOLERANCE);
                }
            }
        }
        assertThat(parts.kernels.managedArrays()).isEqualTo(arrays);
    }

    private static float[] logits(Prompt prompt, PrefixCache prefixes) {
        try (Sequence sequence = sequence(prompt, prefixes);
                NDManager scope = parts.kernels.newManager()) {
            NDArray x = sequence.prompt(scope);
            NDArray logits = parts.decoder().forward(scope, x, sequence.cache(), true);
            sequence.rowsRead();
            return logits.toFloatArray();
        }
    }

    private static Sequence sequence(Prompt prompt, PrefixCache prefixes) {
        return new Sequence(
                parts.kernels, parts.decoder(), parts.fusion, prefixes, prompt, NEW_TOKENS, true);
    }

    private static int reused(Parts next, PrefixCache prefixes) {
        try (Sequence sequence = sequence(next.prompt(), prefixes)) {
            sequence.prepare();
            return sequence.cache().length();
        }
    }

    @Example
    void theLongestBeginningIsReused() {
        try (PrefixCache kept = new PrefixCache(parts.decoder(), 16 * MEBIBYTE)) {
            assertThat(reused(new Parts(0, 0, 9, 0, -1), kept)).isZero();
            logits(new Parts(0, 0, 9, 0, -1).prompt(), kept);
            assertThat(reused(new Parts(0, 0, 9, 1, -1), kept))
                    .as("another question")
                    .isEqualTo(49);
            assertThat(reused(new Parts(0, 1, 9, 0, -1), kept)).as("another picture").isEqualTo(40);
            assertThat(reused(new Parts(0, 0, 144, 0, -1), kept)).as("another scale").isEqualTo(40);
            assertThat(reused(new Parts(0, -1, 9, 0, -1), kept)).as("no picture").isEqualTo(40);
            assertThat(reused(new Parts(1, 0, 9, 0, -1), kept)).as("another text").isEqualTo(21);
            logits(new Parts(0, 0, 9, 2, 1).prompt(), kept);
            assertThat(reused(new Parts(0, 0, 9, 2, 1), kept))
                    .as("all but one id and one that stays to be read")
                    .isEqualTo(66);
        }
    }

    private static Prompt prompt(LoadedParts of, EncodedImage image, long[] ids) {
        List<EncodedImage> shown = List.of(image);
        return of.fusion.prompt(shown, ids, Fusion.same(shown, Scale.of(9)), NEW_TOKENS);
    }

    /** So that a row is multiplied with the same rows, whether they are read or known. */
    @Example
    void inBfloat16ABeginningEndsBetweenRowsThatGoTogether() {
        try (LoadedParts narrow =
                        new LoadedParts(
                                Golden.checkpoint("llava-m3-gqa-sharded"),
                                Kernels.load(Device.cpu()),
                                Precision.BFLOAT16);
                EncodedImage image = narrow.encode(GoldenRequests.picture("land_640x480"));
                PrefixCache kept = new PrefixCache(narrow.decoder(), 16 * MEBIBYTE)) {
            LongStream text = LongStream.concat(Parts.text(0, 40), LongStream.of(-200));
            long[] ids = LongStream.concat(text, Parts.text(0, 9)).toArray();
            Prompt prompt = prompt(narrow, image, ids);
            try (KvCache read = narrow.decoder().newCache(prompt.length());
                    KvCache known = narrow.decoder().newCache(prompt.length())) {
                read.advance(prompt.length());
                kept.keep(prompt, read, true);
                kept.reuse(prompt, known);
                boolean together = narrow.kernels.own().bfloat16();
                assertThat(known.length()).isEqualTo(together ? 32 : 49);
            }
        }
    }

    /** Two pictures with the same pixels are two pictures; what one leaves behind is its own. */
    @Example
    void aPictureTakesItsPositionsAlong() {
        int arrays = parts.kernels.managedArrays();
        try (PrefixCache kept = new PrefixCache(parts.decoder(), 16 * MEBIBYTE)) {
            EncodedImage twin = parts.encode(GoldenRequests.picture("land_640x480"));
            long[] ids = LongStream.concat(Parts.text(0, 40), LongStream.of(-200, 5, 6)).toArray();
            Prompt ofTwin = prompt(parts, twin, ids);
            logits(ofTwin, kept);
            assertThat(reused(new Parts(0, 0, 9, 0, -1), kept)).isEqualTo(40);
            assertThat(kept.size()).isEqualTo(2);
            twin.close();
            assertThat(kept.size()).as("the text stays").isEqualTo(1);
            assertThat(kept.bytes()).isEqualTo(parts.decoder().cacheBytes(40));
            try (KvCache late = parts.decoder().newCache(60)) {
                kept.keep(ofTwin, late, true);
            }
            assertThat(kept.size()).as("too late").isEqualTo(1);
        }
        assertThat(parts.kernels.managedArrays()).isEqualTo(arrays);
    }

    /** Each list of requests has a cache of its own: a picture that outlives them must not collect them. */
    @Example
    void aPictureHoldsNoCacheThatWasClosed() {
        WeakReference<PrefixCache> closed = usedAndClosed();
        System.gc();
        assertThat(closed.get()).isNull();
    }

    private static WeakReference<PrefixCache> usedAndClosed() {
        try (PrefixCache kept = new PrefixCache(parts.decoder(), 16 * MEBIBYTE)) {
            logits(new Parts(0, 0, 9, 0, -1).prompt(), kept);
            assertThat(kept.size()).isEqualTo(2);
            return new WeakReference<>(kept);
        }
    }

    @Example
    void theOneUsedLongestAgoGoesFirst() {
        long room = parts.decoder().cacheBytes(40) * 2 + parts.decoder().cacheBytes(20);
        try (PrefixCache kept = new PrefixCache(parts.decoder(), room)) {
            keepText(kept, 0);
            keepText(kept, 1);
            assertThat(reused(new Parts(0, -1, 9, 0, -1), kept)).isEqualTo(40);
            keepText(kept, 2);
            assertThat(kept.bytes()).isLessThanOrEqualTo(room);
            assertThat(reused(new Parts(0, -1, 9, 0, -1), kept)).isEqualTo(40);
            assertThat(reused(new Parts(2, -1, 9, 0, -1), kept)).isEqualTo(40);
            assertThat(reused(new Parts(1, -1, 9, 0, -1), kept)).isEqualTo(21);
        }
    }

    /** With a picture too large to keep. */
    private static void keepText(PrefixCache kept, int kind) {
        logits(new Parts(kind, 0, 144, 0, -1).prompt(), kept);
    }

    @Example
    void aCopyThatFailsLeavesNothing() {
        int arrays = parts.kernels.managedArrays();
        try (PrefixCache kept = new PrefixCache(parts.decoder(), 16 * MEBIBYTE);
                KvCache tooShort = parts.decoder().newCache(20)) {
            int before = parts.kernels.managedArrays();
            Prompt prompt = new Parts(0, 0, 9, 0, -1).prompt();
            assertThatThrownBy(() -> kept.keep(prompt, tooShort, true))
                    .isInstanceOf(EngineException.class);
            assertThat(parts.kernels.managedArrays()).isEqualTo(before);
            assertThat(kept.bytes()).isZero();
        }
        assertThat(parts.kernels.managedArrays()).isEqualTo(arrays);
    }

    @Example
    void nothingIsKeptWithoutRoom() {
        try (PrefixCache kept = new PrefixCache(parts.decoder(), 100)) {
            logits(new Parts(0, 0, 9, 0, -1).prompt(), kept);
            assertThat(kept.size()).isZero();
        }
    }

    /** Where the model was loaded so, what one call has read the next one need not. */
    @Example
    void aListOfRequestsKeepsItsBeginningsForTheNextCall() {
        GenerationOptions options =
                GenerationOptions.builder().scale(Scale.of(9)).maxNewTokens(3).build();
        try (GoldenRequests golden = new GoldenRequests(64 * MEBIBYTE)) {
            golden.warmUp();
            int arrays = golden.model.managedArrays();
            int layers = golden.model.config().decoder().layers();
            EncodedImage image = golden.image("land_640x480");
            Request request = Request.of(image, "What is it?", options);
            List<Answer> first = golden.model.generate(List.of(request, request));
            int kept = golden.model.managedArrays() - arrays;
            assertThat(kept).as("keys and values of text and picture").isEqualTo(2 * 2 * layers);
            List<Answer> again = golden.model.generate(List.of(request));
            assertThat(again.get(0).ids()).isEqualTo(first.get(0).ids());
            golden.model.generate(image, "What is it?", options, piece -> {});
            assertThat(golden.model.managedArrays() - arrays).isEqualTo(kept);
        }
    }

    /** By the plain way, where the model was loaded so. */
    @Example
    void aPictureAskedAgainIsReadFromItsQuestionOn() {
        GenerationOptions options = GenerationOptions.builder().maxNewTokens(3).build();
        try (GoldenRequests golden = new GoldenRequests(64 * MEBIBYTE)) {
            golden.warmUp();
            int arrays = golden.model.managedArrays();
            int layers = golden.model.config().decoder().layers();
            EncodedImage image = golden.image("land_640x480");
            Answer first = golden.model.generate(image, "What is it?", options, piece -> {});
            int kept = golden.model.managedArrays() - arrays;
            assertThat(kept).as("keys and values of text and picture").isEqualTo(2 * 2 * layers);
            Answer again = golden.model.generate(image, "What is it?", options, piece -> {});
            assertThat(again.ids()).isEqualTo(first.ids());
            Answer asked =
                    golden.model.ask(
                            GoldenRequests.picture("land_640x480"), "What is it?", Scale.of(576));
            assertThat(asked.ids().subList(0, 3)).isEqualTo(first.ids());
            assertThat(golden.model.managedArrays() - arrays).isEqualTo(kept);
            for (GoldenRequests.Case c : golden.cases) {
                for (int round = 0; round < 2; round++) {
                    assertThat(
                                    golden.model.generateIds(
                                            c.images(), c.ids(), c.request(24).options()))
                            .as(c.name())
                            .isEqualTo(c.generated());
                }
            }
        }
    }
}
