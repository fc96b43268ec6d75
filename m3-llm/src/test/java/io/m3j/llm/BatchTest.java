package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.llm.generate.FinishReason;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Answers made together are those made one by one, whoever joins and leaves meanwhile. */
class BatchTest {

    private static final long MEBIBYTE = 1 << 20;

    private static GoldenRequests golden;

    @BeforeContainer
    static void load() {
        golden = new GoldenRequests(0);
        golden.warmUp();
    }

    @AfterContainer
    static void close() {
        golden.close();
    }

    /** One of the golden prompts, when it joins, and when it is cancelled: after so many steps. */
    private record Arrival(GoldenRequests.Case prompt, int newTokens, int joins, int cancelled) {}

    @Provide
    Arbitrary<Arrival> arrivals() {
        return arrival(Arbitraries.just(Integer.MAX_VALUE));
    }

    @Provide
    Arbitrary<Arrival> impatientArrivals() {
        return arrival(
                Arbitraries.frequencyOf(
                        net.jqwik.api.Tuple.of(1, Arbitraries.just(Integer.MAX_VALUE)),
                        net.jqwik.api.Tuple.of(2, Arbitraries.integers().between(0, 20))));
    }

    private static Arbitrary<Arrival> arrival(Arbitrary<Integer> cancelled) {
        return Combinators.combine(
                        Arbitraries.integers().between(0, 29).map(i -> golden.cases.get(i)),
                        Arbitraries.integers().between(1, GoldenRequests.NEW_TOKENS),
                        Arbitraries.integers().between(0, 12),
                        cancelled)
                .as(Arrival::new);
    }

    @Property(tries = 25)
    void anyMixInAnyOrderEqualsTheReference(
            @ForAll @Size(min = 1, max = 9) List<@net.jqwik.api.From("arrivals") Arrival> arrivals,
            @ForAll @IntRange(min = 128, max = 700) int promptRows,
            @ForAll @IntRange(min = 1, max = 9) int maxRunning,
            @ForAll boolean prefixes) {
        run(arrivals, promptRows, maxRunning, prefixes);
    }

    @Property(tries = 25)
    void whoLeavesChangesNothingForTheOthers(
            @ForAll @Size(min = 2, max = 9)
                    List<@net.jqwik.api.From("impatientArrivals") Arrival> arrivals) {
        run(arrivals, 128, 6, true);
    }

    private static void run(
            List<Arrival> arrivals, int promptRows, int maxRunning, boolean prefixes) {
        int arrays = golden.model.managedArrays();
        BatchOptions options =
                BatchOptions.builder()
                        .promptRows(promptRows)
                        .maxRunning(maxRunning)
                        .prefixBytes(prefixes ? 64 * MEBIBYTE : 0)
                        .build();
        Map<Arrival, Batch.Member> members = new IdentityHashMap<>();
        List<Arrival> outside = new ArrayList<>(arrivals);
        try (Batch batch = golden.model.newBatch(options)) {
            for (int step = 0; !outside.isEmpty() || batch.size() > 0; step++) {
                int now = step;
                outside.removeIf(
                        arrival -> {
                            PreparedRequest request =
                                    golden.model.prepare(
                                            arrival.prompt().request(arrival.newTokens()));
                            boolean joins = arrival.joins() <= now && batch.admits(request);
                            if (joins) {
                                members.put(arrival, batch.join(request));
                            }
                            return joins;
                        });
                members.forEach(
                        (arrival, member) -> {
                            if (arrival.joins() + (long) arrival.cancelled() <= now) {
                                batch.cancel(member);
                            }
                        });
                batch.step();
            }
            assertThat(batch.cacheBytes()).isZero();
        }
        members.forEach(BatchTest::check);
        assertThat(golden.model.managedArrays()).as("arrays left").isEqualTo(arrays);
    }

    private static void check(Arrival arrival, Batch.Member member) {
        Answer answer = member.answer();
        List<Long> expected = arrival.prompt().expected(arrival.newTokens());
        if (answer.finishReason() == FinishReason.CANCELLED) {
            assertThat(arrival.cancelled()).isLessThan(Integer.MAX_VALUE);
            assertThat(answer.ids()).isEqualTo(expected.subList(0, answer.ids().size()));
        } else {
            assertThat(answer.ids()).as(arrival.prompt().name()).isEqualTo(expected);
            assertThat(answer.finishReason()).isEqualTo(FinishReason.LENGTH);
        }
    }

    @Provide
    Arbitrary<GenerationOptions> anyOptions() {
        return Combinators.combine(
                        Arbitraries.of(1, 9, 36, 144),
                        Arbitraries.integers().between(1, 12),
                        Arbitraries.of(0d, 0.7, 2.0),
                        Arbitraries.of(0, 1, 20),
                        Arbitraries.of(0.5, 0.9, 1.0),
                        Arbitraries.of(1.0, 1.3),
                        Arbitraries.longs(),
                        Arbitraries.of(List.<String>of(), List.of("a"), List.of("e", "the")))
                .as(
                        (scale, tokens, temperature, topK, topP, penalty, seed, stops) ->
                                GenerationOptions.builder()
                                        .scale(Scale.of(scale))
                                        .maxNewTokens(tokens)
                                        .temperature(temperature)
                                        .topK(topK)
                                        .topP(topP)
                                        .repetitionPenalty(penalty)
                                        .seed(seed)
                                        .stopStrings(stops)
                                        .build());
    }

    @Property(tries = 20)
    void questionsWithAnyOptionsEqualThoseOneByOne(
            @ForAll @Size(min = 1, max = 7)
                    List<@net.jqwik.api.From("anyOptions") GenerationOptions> options) {
        List<EncodedImage> images =
                List.of(golden.image("land_640x480"), golden.image("port_300x451"));
        List<Request> requests = new ArrayList<>();
        for (int i = 0; i < options.size(); i++) {
            String question = "What is it? ".repeat(1 + i % 3 * 4);
            requests.add(
                    Request.of(
                            images.subList(i % 2, i % 3 == 0 ? 2 : 1), question, options.get(i)));
        }
        List<Answer> together = golden.model.generate(requests);
        for (int i = 0; i < options.size(); i++) {
            Request request = requests.get(i);
            String question = ((Request.Question) request.prompt()).text();
            Answer alone =
                    golden.model.generate(
                            request.images(), question, request.options(), piece -> {});
            assertThat(together.get(i))
                    .usingRecursiveComparison()
                    .ignoringFields("timings")
                    .isEqualTo(alone);
        }
    }

    @Example
    void aStopStringEndsItsOwnAnswerAlone() {
        EncodedImage image = golden.image("land_640x480");
        GenerationOptions plain = GenerationOptions.builder().maxNewTokens(12).build();
        Answer whole = golden.model.generate(image, "What?", plain, piece -> {});
        String stop = whole.text().substring(2, 4);
        GenerationOptions stopped =
                GenerationOptions.builder().maxNewTokens(12).stopStrings(List.of(stop)).build();
        List<Answer> answers =
                golden.model.generate(
                        List.of(
                                Request.of(image, "What?", stopped),
                                Request.of(image, "What?", plain)));
        assertThat(answers.get(0).finishReason()).isEqualTo(FinishReason.STOP_STRING);
        assertThat(answers.get(0).text()).doesNotContain(stop);
        assertThat(answers.get(1).text()).isEqualTo(whole.text());
    }

    @Example
    void whatHasNoRoomIsRefusedWithTheNumbers() {
        Request small = golden.cases.get(0).request(4);
        long bytes = golden.model.prepare(small).cacheBytes();
        BatchOptions options = BatchOptions.builder().cacheBytes(2 * bytes).maxRunning(3).build();
        try (Batch batch = golden.model.newBatch(options)) {
            batch.join(golden.model.prepare(small));
            batch.join(golden.model.prepare(small));
            assertThat(batch.cacheBytes()).isEqualTo(2 * bytes);
            assertThat(batch.admits(golden.model.prepare(small))).isFalse();
            assertThatThrownBy(() -> batch.join(golden.model.prepare(small)))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("2 of 3 answers run")
                    .hasMessageContaining("MiB");
            assertThatThrownBy(
                            () ->
                                    batch.admits(
                                            golden.model.prepare(golden.cases.get(4).request(4))))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("591 positions of prompt and 4 of answer")
                    .hasMessageContaining("a coarser scale");
        }
        assertThatThrownBy(
                        () ->
                                golden.model.generate(
                                        List.of(
                                                small,
                                                Request.ofIds(
                                                        List.of(),
                                                        new long[] {-7},
                                                        small.options()))))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("request 1 of 2")
                .hasMessageContaining("prompt id -7");
    }

    @Example
    void aRequestOfAnotherModelIsRefused() {
        GenerationOptions few = GenerationOptions.builder().maxNewTokens(2).build();
        Request request = Request.ofIds(List.of(), new long[] {1, 2}, few);
        try (M3Model other = M3Model.load(Golden.checkpoint("llava-m3"));
                Batch batch = golden.model.newBatch(BatchOptions.defaults())) {
            PreparedRequest foreign = other.prepare(request);
            assertThatThrownBy(() -> batch.admits(foreign))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("prepared by another model");
            assertThatThrownBy(() -> batch.join(foreign))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("prepared by another model");
            assertThat(batch.size()).isZero();
        }
    }

    @Example
    void aPreparedRequestIsAnsweredOnce() {
        PreparedRequest request = golden.model.prepare(golden.cases.get(0).request(3));
        BatchOptions one = BatchOptions.builder().maxRunning(1).build();
        try (Batch full = golden.model.newBatch(one);
                Batch batch = golden.model.newBatch(one)) {
            full.join(golden.model.prepare(golden.cases.get(0).request(3)));
            assertThatThrownBy(() -> full.join(request)).hasMessageContaining("no room");
            Batch.Member member = batch.join(request); // what found no room has not begun
            while (batch.size() > 0) {
                batch.step();
            }
            assertThatThrownBy(() -> batch.join(request))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("prepare it anew");
            assertThat(batch.size()).isZero();
            assertThat(batch.cacheBytes()).isZero();
            assertThat(member.answer().ids()).isEqualTo(golden.cases.get(0).expected(3));
        }
    }

    /** What was free when the batch began may be gone when a prompt is to be read. */
    @Example
    void aPromptWithoutMemoryForItsPassEndsAlone() {
        long[] free = {64 * MEBIBYTE};
        GoldenRequests.Case prompt = golden.cases.get(0);
        int arrays = golden.model.managedArrays();
        try (Batch batch =
                golden.model
                        .answering()
                        .batch(BatchOptions.defaults(), () -> free[0], Optional.empty())) {
            Batch.Member going = batch.join(golden.model.prepare(prompt.request(5)));
            batch.step();
            free[0] = 1000;
            Batch.Member failing = batch.join(golden.model.prepare(prompt.request(5)));
            while (batch.size() > 0) {
                batch.step();
            }
            assertThat(going.answer().ids()).isEqualTo(prompt.expected(5));
            assertThat(failing.failure())
                    .hasValueSatisfying(
                            e ->
                                    assertThat(e)
                                            .isInstanceOf(M3Exception.class)
                                            .hasMessageContaining("memory: one pass over")
                                            .hasMessageContaining("1 MiB are free"));
        }
        assertThat(golden.model.managedArrays()).isEqualTo(arrays);
    }

    @Example
    void aPictureThatIsClosedEndsItsOwnAnswerAlone() {
        EncodedImage closed = golden.model.encode(GoldenRequests.picture("tiny_3x5"));
        GoldenRequests.Case other = golden.cases.get(2);
        try (Batch batch = golden.model.newBatch(BatchOptions.defaults())) {
            Request request = Request.of(closed, "What?", other.options(3).build());
            Batch.Member failing = batch.join(golden.model.prepare(request));
            Batch.Member going = batch.join(golden.model.prepare(other.request(5)));
            closed.close();
            while (batch.size() > 0) {
                batch.step();
            }
            assertThat(failing.failure())
                    .hasValueSatisfying(
                            e ->
                                    assertThat(e)
                                            .hasMessageContaining("the encoded image was closed"));
            assertThatThrownBy(failing::answer).isInstanceOf(IllegalStateException.class);
            assertThat(going.answer().ids()).isEqualTo(other.expected(5));
        }
    }

    @Example
    void anInterruptEndsEveryAnswer() {
        List<Request> requests =
                List.of(golden.cases.get(0).request(9), golden.cases.get(1).request(9));
        Thread.currentThread().interrupt();
        List<Answer> answers = golden.model.generate(requests);
        assertThat(Thread.interrupted()).as("the interrupt is kept").isTrue();
        assertThat(answers)
                .hasSize(2)
                .allSatisfy(
                        answer ->
                                assertThat(answer.finishReason())
                                        .isEqualTo(FinishReason.CANCELLED));
    }

    /** Its angles depend on how many rows are read at once: such a prompt must not be cut. */
    @Example
    void aPromptWithStretchedPositionsIsReadWhole() throws IOException {
        Path parent = Files.createTempDirectory("dynamic");
        Path directory = TestCheckpoint.link("llava-m3", parent, "llava-dynamic");
        TestCheckpoint.edit(
                directory,
                config -> {
                    config.put("max_position_embeddings", 100);
                    config.putObject("rope_scaling").put("type", "dynamic").put("factor", 4.0);
                });
        try (M3Model model = M3Model.load(directory);
                EncodedImage image = model.encode(GoldenRequests.picture("land_640x480"))) {
            GoldenRequests.Case prompt = golden.cases.get(3); // scale 144, 159 positions
            Request request =
                    Request.ofIds(List.of(image), prompt.ids(), prompt.options(8).build());
            List<Long> alone = model.generateIds(List.of(image), prompt.ids(), request.options());
            BatchOptions options = BatchOptions.builder().prefixBytes(64 * MEBIBYTE).build();
            for (int round = 0; round < 2; round++) {
                try (Batch batch = model.newBatch(options)) {
                    List<Batch.Member> members =
                            List.of(
                                    batch.join(model.prepare(request)),
                                    batch.join(model.prepare(request)));
                    while (batch.size() > 0) {
                        batch.step();
                    }
                    assertThat(members)
                            .allSatisfy(m -> assertThat(m.answer().ids()).isEqualTo(alone));
                    assertThat(batch.prefixBytes()).isZero();
                }
            }
        }
    }

    @Example
    void numbersOutOfRangeAreNamed() {
        BatchOptions.Builder builder = BatchOptions.builder();
        assertThatThrownBy(() -> builder.promptRows(127).build())
                .hasMessageContaining("promptRows 127");
        assertThatThrownBy(() -> BatchOptions.builder().maxRunning(0).build())
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("maxRunning 0");
        assertThatThrownBy(() -> BatchOptions.builder().cacheBytes(0).build())
                .hasMessageContaining("cacheBytes 0");
        assertThatThrownBy(() -> BatchOptions.builder().prefixBytes(-1).build())
                .hasMessageContaining("prefixBytes -1");
    }
}
