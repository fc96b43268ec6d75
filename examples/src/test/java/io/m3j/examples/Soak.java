package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.core.torch.Precision;
import io.m3j.llm.Answer;
import io.m3j.llm.BatchOptions;
import io.m3j.llm.LoadOptions;
import io.m3j.llm.M3Model;
import io.m3j.llm.Request;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.llm.serve.BatcherOptions;
import io.m3j.llm.serve.ContinuousBatcher;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/**
 * Many callers of one {@link ContinuousBatcher} for minutes: every answer is the one-by-one answer, every
 * refused request is told why, and memory stays where it was after the first minute. Not run by a build,
 * only by name; {@code docs/guides/serving.md} has the command.
 */
class Soak {

    private static final int CALLERS = Integer.getInteger("soak.callers", 50);
    private static final Duration LENGTH =
            Duration.ofSeconds(Math.round(60 * number("soak.minutes", 10)));
    private static final Precision PRECISION =
            Precision.of(System.getProperty("soak.precision", "float32"));

    private static final long PREFIX_BYTES = Long.getLong("soak.prefixBytes", 16 << 20);

    /** Until then caches and pools grow to their size. */
    private static final Duration WARM_UP = Duration.ofMinutes(1);

    private static final Duration BETWEEN_SAMPLES = Duration.ofSeconds(3);

    /**
     * A KV cache of this model at 576 tokens is 0.7 MiB, and of some thousand answers a minute each would
     * count; threads of 50 callers, garbage and fragments of the allocator's arenas come and go below it.
     */
    private static final long TOLERANCE_MEBIBYTES = 48;

    private static final int QUESTIONS = 80;
    private static final Path STATM = Path.of("/proc/self/statm");

    /** A question, and what is answered when it is asked alone. */
    private record Question(int picture, String text, GenerationOptions options, Answer expected) {}

    private final AtomicLong answered = new AtomicLong();
    private final AtomicLong cancelled = new AtomicLong();
    private final Queue<String> refused = new ConcurrentLinkedQueue<>();
    private final Queue<String> different = new ConcurrentLinkedQueue<>();

    private static double number(String property, double otherwise) {
        return Double.parseDouble(System.getProperty(property, Double.toString(otherwise)));
    }

    @Test
    void manyCallers() throws Exception {
        LoadOptions load = LoadOptions.builder().precision(PRECISION).build();
        List<M3Image> pictures = List.of(picture(1), picture(2), picture(3), picture(4));
        List<Long> resident = new ArrayList<>();
        int calm;
        try (M3Model model = M3Model.load(Home.model(), load)) {
            List<EncodedImage> images = pictures.stream().map(model::encode).toList();
            List<Question> questions = questions(model, images);
            int arrays = model.managedArrays();
            long end = System.nanoTime() + LENGTH.toNanos();
            BatchOptions batch =
                    BatchOptions.builder().maxRunning(16).prefixBytes(PREFIX_BYTES).build();
            BatcherOptions options = BatcherOptions.of(batch).withQueueCapacity(16);
            ExecutorService threads = Executors.newFixedThreadPool(CALLERS);
            try (ContinuousBatcher batcher = new ContinuousBatcher(model, options)) {
                List<Future<?>> callers = new ArrayList<>();
                for (int i = 0; i < CALLERS; i++) {
                    Caller caller = new Caller(batcher, pictures, images, questions, end, i);
                    callers.add(threads.submit(caller::run, null));
                }
                long start = System.nanoTime();
                calm = 0;
                while (System.nanoTime() < end) {
                    Thread.sleep(BETWEEN_SAMPLES.toMillis());
                    resident.add(residentMebibytes());
                    if (System.nanoTime() - start < WARM_UP.toNanos()) {
                        calm = resident.size();
                    }
                }
                for (Future<?> caller : callers) {
                    caller.get();
                }
            } finally {
                threads.shutdownNow();
            }
            assertThat(model.managedArrays()).as("arrays left").isEqualTo(arrays);
            images.forEach(EncodedImage::close);
        }
        System.out.printf(
                java.util.Locale.ROOT,
                "soak: %d callers, %s, %s: %d answers, %d cancelled, %d refused, %d different;"
                        + " resident MiB %s%n",
                CALLERS,
                LENGTH,
                PRECISION.label(),
                answered.get(),
                cancelled.get(),
                refused.size(),
                different.size(),
                resident);
        assertThat(different.stream().limit(3))
                .as("%d different, such as", different.size())
                .isEmpty();
        assertThat(refused)
                .isNotEmpty()
                .allSatisfy(
                        message ->
                                assertThat(message)
                                        .matches(
                                                "queue: full: \\d+ of 16 requests wait, \\d+ of 16"
                                                        + " run with \\d+ of \\d+ MiB .*"));
        assertThat(answered.get()).isPositive();
        if (calm < resident.size() && calm > 0) {
            long after = resident.get(calm - 1);
            assertThat(resident.subList(calm, resident.size()))
                    .as("MiB held after the first minute, which ended with %d", after)
                    .allMatch(found -> found <= after + TOLERANCE_MEBIBYTES);
        }
    }

    /** One caller: asks anything, most often patiently, and sometimes gives up. */
    private final class Caller {

        private final ContinuousBatcher batcher;
        private final List<M3Image> pictures;
        private final List<EncodedImage> images;
        private final List<Question> questions;
        private final long end;
        private final Random random;

        Caller(
                ContinuousBatcher batcher,
                List<M3Image> pictures,
                List<EncodedImage> images,
                List<Question> questions,
                long end,
                int seed) {
            this.batcher = batcher;
            this.pictures = pictures;
            this.images = images;
            this.questions = questions;
            this.end = end;
            this.random = new Random(seed);
        }

        void run() {
            while (System.nanoTime() < end) {
                Question question = questions.get(random.nextInt(questions.size()));
                StringBuffer told = new StringBuffer();
                try {
                    ask(question, told);
                } catch (M3Exception e) {
                    refused.add(e.getMessage());
                    pause(random.nextInt(50));
                } catch (InterruptedException e) {
                    return;
                }
            }
        }

        private void ask(Question question, StringBuffer told) throws InterruptedException {
            boolean encoded = random.nextInt(16) > 0;
            Request request =
                    encoded
                            ? Request.of(
                                    images.get(question.picture()),
                                    question.text(),
                                    question.options())
                            : Request.of(
                                    pictures.get(question.picture()),
                                    question.text(),
                                    question.options());
            CompletableFuture<Answer> future =
                    random.nextInt(3) == 0
                            ? batcher.submit(request, told::append)
                            : batcher.submitWaiting(request, told::append, Duration.ofSeconds(30));
            if (random.nextInt(12) == 0) {
                pause(random.nextInt(20));
                future.cancel(true);
                cancelled.incrementAndGet();
                return;
            }
            Answer answer = future.join();
            answered.incrementAndGet();
            Answer expected = question.expected();
            if (!answer.ids().equals(expected.ids())
                    || !answer.text().equals(expected.text())
                    || !told.toString().strip().equals(expected.text())
                    || answer.finishReason() != expected.finishReason()) {
                different.add(question + " but found " + answer);
            }
        }

        private void pause(int milliseconds) {
            try {
                Thread.sleep(milliseconds);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Of every scale, length and way to pick. */
    private static List<Question> questions(M3Model model, List<EncodedImage> images) {
        List<Integer> scales = List.of(1, 9, 9, 36, 36, 144, 576);
        Random random = new Random(7);
        List<Question> questions = new ArrayList<>();
        for (int i = 0; i < QUESTIONS; i++) {
            GenerationOptions options =
                    GenerationOptions.builder()
                            .scale(Scale.of(scales.get(i % scales.size())))
                            .maxNewTokens(1 + random.nextInt(48))
                            .temperature(i % 3 == 0 ? 0.8 : 0)
                            .topP(0.9)
                            .seed(i)
                            .stopStrings(i % 5 == 0 ? List.of("e", "on") : List.of())
                            .build();
            String text = "What is on the left of the picture? ".repeat(1 + random.nextInt(6));
            int picture = random.nextInt(images.size());
            Answer alone = model.generate(images.get(picture), text, options, piece -> {});
            questions.add(new Question(picture, text, options, alone));
        }
        return questions;
    }

    private static M3Image picture(int seed) {
        Random random = new Random(seed);
        BufferedImage image = new BufferedImage(320, 240, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        for (int i = 0; i < 60; i++) {
            graphics.setColor(new Color(random.nextInt(1 << 24)));
            graphics.fillRect(random.nextInt(320), random.nextInt(240), 60, 40);
        }
        graphics.dispose();
        return M3Image.of(image);
    }

    /** What the process holds, once garbage was collected; 0 where nobody tells. */
    private static long residentMebibytes() throws IOException {
        if (!Files.exists(STATM)) {
            return 0;
        }
        System.gc();
        return Long.parseLong(Files.readString(STATM).split(" ")[1]) * 4096 >> 20;
    }
}
