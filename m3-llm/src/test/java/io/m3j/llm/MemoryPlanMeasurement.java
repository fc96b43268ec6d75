package io.m3j.llm;

import ai.djl.ndarray.NDArray;
import io.m3j.core.Scale;
import io.m3j.core.torch.Precision;
import io.m3j.llm.generate.GenerationOptions;
import io.m3j.vision.EncodedImage;
import io.m3j.vision.M3Image;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;

/**
 * Compares a plan with what is then used: opens a checkpoint, encodes a picture, reads a prompt at the
 * finest scale and goes on for some tokens. One precision a process, since the system keeps one peak:
 *
 * <pre>
 * mvn -q package -DskipTests && examples/bin/m3 bench --random tinyllama-1.1b --write-random DIR
 * java -Xmx512m -XX:+UseSerialGC -cp examples/target/m3.jar:m3-llm/target/test-classes \
 *     io.m3j.llm.MemoryPlanMeasurement DIR bfloat16 [tokens]
 * </pre>
 *
 * <p>With {@code tokens} it prints the logits' relative error against those of float32 that the first
 * run with float32 left in {@code DIR/../logits.bin}.
 */
final class MemoryPlanMeasurement {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final int NEW_TOKENS = 8;
    private static final double MEBIBYTE = 1 << 20;

    private static volatile long anonymous;
    private static volatile boolean running = true;

    private MemoryPlanMeasurement() {}

    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        Precision precision = Precision.of(arguments[1]);
        Thread watch = new Thread(MemoryPlanMeasurement::watch);
        watch.setDaemon(true);
        watch.start();
        try (io.m3j.core.torch.Kernels kernels =
                io.m3j.core.torch.Kernels.load(ai.djl.Device.cpu())) {
            kernels.newManager().ones(new ai.djl.ndarray.types.Shape(4, 4)).close();
        }
        Thread.sleep(200);
        say("engine, anonymous", anonymous);
        say("engine, resident", status("VmHWM"));
        LoadOptions options = LoadOptions.builder().precision(precision).build();
        try (M3Model model = M3Model.load(directory, options)) {
            Thread.sleep(100);
            say("loaded: anonymous at most", anonymous);
            say("loaded: anonymous now", status("RssAnon"));
            long before = status("RssAnon");
            anonymous = 0;
            try (EncodedImage image = model.encode(picture())) {
                say("encoding took", anonymous - before);
                anonymous = 0;
                Scale scale = model.ladder().finest();
                GenerationOptions greedy =
                        GenerationOptions.builder()
                                .scale(scale)
                                .maxNewTokens(NEW_TOKENS)
                                .ignoreEndOfSequence(true)
                                .build();
                long[] ids = prompt();
                model.generateIds(List.of(image), ids, greedy);
                say("reading and answering took", anonymous - before);
                MemoryPlan plan = model.memory();
                int rows = ids.length - 1 + scale.tokens();
                say("plan: weights copied", plan.copied());
                say("plan: weights mapped", plan.mapped());
                say("plan: while loading", plan.loading());
                say("plan: encode", plan.encode());
                say("plan: prefill", plan.prefill(rows));
                say("plan: cache", plan.cache(rows + NEW_TOKENS));
                say("plan: peak", plan.peak(rows, rows + NEW_TOKENS, 1));
                if (arguments.length > 2) {
                    error(model, image, Integer.parseInt(arguments[2]), directory, precision);
                }
            }
        }
        running = false;
        say("resident at most", status("VmHWM"));
        say("of files now", status("RssFile"));
        say("heap used", Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory());
    }

    private static void error(
            M3Model model, EncodedImage image, int tokens, Path directory, Precision precision)
            throws IOException {
        try (NDArray logits = model.logits(image, prompt(), Scale.of(tokens))) {
            float[] found = logits.toFloatArray();
            Path file = directory.resolveSibling("logits.bin");
            if (precision == Precision.FLOAT32) {
                Files.write(file, logits.toByteArray());
            } else {
                float[] exact = new float[found.length];
                java.nio.ByteBuffer.wrap(Files.readAllBytes(file))
                        .order(java.nio.ByteOrder.nativeOrder())
                        .asFloatBuffer()
                        .get(exact);
                System.out.printf(
                        Locale.ROOT,
                        "error of logits against float32: %.4f%n",
                        LogitError.relative(found, exact));
            }
        }
    }

    private static M3Image picture() {
        return M3Image.of(new BufferedImage(640, 480, BufferedImage.TYPE_INT_RGB));
    }

    private static long[] prompt() {
        return LongStream.rangeClosed(0, MemoryPlan.TEXT_POSITIONS)
                .map(i -> i == 10 ? M3Tokenizer.IMAGE_ID : 1 + i * 17)
                .toArray();
    }

    private static void watch() {
        while (running) {
            anonymous = Math.max(anonymous, status("RssAnon"));
            Thread.yield();
        }
    }

    private static void say(String what, long bytes) {
        System.out.printf(Locale.ROOT, "%-28s %,10.1f MiB%n", what, bytes / MEBIBYTE);
    }

    private static long status(String key) {
        try {
            return Files.readAllLines(STATUS).stream()
                    .filter(line -> line.startsWith(key + ":"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
