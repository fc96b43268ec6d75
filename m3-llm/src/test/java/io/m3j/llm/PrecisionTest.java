package io.m3j.llm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.m3j.core.Scale;
import io.m3j.core.golden.Golden;
import io.m3j.core.torch.Precision;
import io.m3j.core.torch.Processor;
import io.m3j.llm.Decoder.Span;
import io.m3j.vision.EncodedImage;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the other precisions add to the error of float32, and that sequences side by side stay apart. */
class PrecisionTest {

    private static final boolean NARROW =
            !Processor.of(Device.cpu()).features().contains("avx512bw");

    /** A prompt with a picture, over both golden decoders: with and without grouped heads. */
    private static final long[] PROMPT = {1, 462, 404, 393, 15, 268, -200, 474, 31, 229, 386, 282};

    /**
     * Relative error of all logits of the prompt. Random weights of width 96 are harder than trained
     * ones of width 4096: bfloat16 keeps 8 bits, int8 rounds weights and activations to 127 steps,
     * int4 weights to 15. Without AVX-512, int8 rounds activations to 63 steps.
     */
    @ParameterizedTest
    @CsvSource({
        "llava-m3, BFLOAT16, 0.03",
        "llava-m3-gqa-sharded, BFLOAT16, 0.03",
        "llava-m3, INT8, 0.08",
        "llava-m3-gqa-sharded, INT8, 0.08",
        "llava-m3, INT4, 0.6",
        "llava-m3-gqa-sharded, INT4, 0.6"
    })
    void errorAgainstFloat32IsBounded(String checkpoint, Precision precision, double bound) {
        for (int scale : new int[] {1, 36, 576}) {
            double error =
                    LogitError.relative(
                            logits(checkpoint, precision, scale), exact(checkpoint, scale));
            System.out.println(checkpoint + " " + precision + " scale " + scale + ": " + error);
            boolean narrow = precision == Precision.INT8 && NARROW;
            assertThat(error).as("at scale %d", scale).isLessThan(narrow ? 1.5 * bound : bound);
        }
    }

    private static float[] exact(String checkpoint, int scale) {
        return logits(checkpoint, Precision.FLOAT32, scale);
    }

    private static float[] logits(String checkpoint, Precision precision, int scale) {
        return logits(Golden.checkpoint(checkpoint), precision, scale);
    }

    private static float[] logits(Path checkpoint, Precision precision, int scale) {
        LoadOptions options = LoadOptions.builder().precision(precision).build();
        try (M3Model model = M3Model.load(checkpoint, options);
                EncodedImage image = model.encode(M3ModelTest.picture());
                NDArray logits = model.logits(image, PROMPT, Scale.of(scale))) {
            return logits.toFloatArray();
        }
    }

    /** Widths that no kernel likes: what cannot hold them falls back, part by part. */
    @ParameterizedTest
    @CsvSource({
        "503, 64, 96, BFLOAT16, 0.03", "503, 64, 96, INT8, 0.1", "503, 64, 96, INT4, 0.6",
        "512, 64, 83, BFLOAT16, 0.03", "512, 64, 83, INT8, 0.1", "512, 64, 83, INT4, 0.3",
        "501, 56, 97, BFLOAT16, 0.03", "501, 56, 97, INT8, 0.1", "501, 56, 97, INT4, 0.3"
    })
    void oddSizesAreComputedInEveryPrecision(
            int vocabulary,
            int width,
            int inner,
            Precision precision,
            double bound,
            @TempDir Path directory) {
        Path odd = OddCheckpoint.write(directory.resolve("odd"), vocabulary, width, inner);
        double error =
                LogitError.relative(logits(odd, precision, 36), logits(odd, Precision.FLOAT32, 36));
        System.out.println(vocabulary + " " + width + " " + inner + " " + precision + ": " + error);
        assertThat(error).isPositive().isLessThan(bound);
    }

    /** Prefill of one sequence beside single steps of others, as a batch does it. */
    @Test
    void sequencesReadSideBySideEqualThoseReadAlone() {
        try (LoadedParts parts = new LoadedParts(Golden.checkpoint("llava-m3-gqa-sharded"))) {
            Decoder decoder = parts.decoder();
            long[][] prompts = {ids(3, 150), ids(5, 1), ids(7, 40)};
            long[] next = {17, 30, 411};
            try (NDManager scope = parts.kernels.newManager();
                    KvCache a = decoder.newCache(160);
                    KvCache b = decoder.newCache(160);
                    KvCache c = decoder.newCache(160)) {
                List<KvCache> caches = List.of(a, b, c);
                // First the second alone, then all three together, the second one step further.
                decoder.forward(scope, decoder.embed(scope, prompts[1]), b, true);
                NDArray rows =
                        parts.kernels.concatenate(
                                scope,
                                List.of(
                                        decoder.embed(scope, prompts[0]),
                                        decoder.embed(scope, next[1]),
                                        decoder.embed(scope, prompts[2])),
                                0);
                List<Span> spans = List.of(new Span(a, 150), new Span(b, 1), new Span(c, 40));
                float[] together = decoder.forward(scope, rows, spans, true).toFloatArray();
                long[] second = {prompts[1][0], next[1]};
                long[][] whole = {prompts[0], second, prompts[2]};
                for (int i = 0; i < whole.length; i++) {
                    try (KvCache alone = decoder.newCache(160)) {
                        float[] expected =
                                decoder.forward(scope, decoder.embed(scope, whole[i]), alone, true)
                                        .toFloatArray();
                        for (int v = 0; v < expected.length; v++) {
                            assertThat(together[i * expected.length + v])
                                    .as("sequence %d", i)
                                    .isCloseTo(
                                            expected[v],
                                            org.assertj.core.data.Offset.offset(1e-4f));
                        }
                        assertThat(caches.get(i).length()).isEqualTo(alone.length());
                    }
                }
            }
        }
    }

    private static long[] ids(int step, int count) {
        return LongStream.range(0, count).map(i -> 3 + i * step % 500).toArray();
    }
}
