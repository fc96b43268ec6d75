package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The library of {@code src/main/c}: which one it is, and where it is taken. */
class NativeKernelsTest {

    private static final List<String> SOURCES =
            List.of(
                    "kernels.h",
                    "tensors.h",
                    "attention.c",
                    "bfloat16.c",
                    "int4.c",
                    "int8.c",
                    "linear.c",
                    "operators.c",
                    "quantise.c",
                    "rows.c",
                    "build.sh");

    private static final Set<String> VNNI =
            Set.of("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni");

    @Test
    void theLibraryInTheJarIsTheOneOfTheseSources() throws IOException, NoSuchAlgorithmException {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        for (String source : SOURCES) {
            sha256.update(Files.readAllBytes(Path.of("src/main/c", source)));
        }
        try (InputStream in = NativeKernels.class.getResourceAsStream(NativeKernels.LIBRARY)) {
            assertThat(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1))
                    .as("run sh build.sh in m3-core/src/main/c")
                    .contains("m3j-sources:" + HexFormat.of().formatHex(sha256.digest()));
        }
    }

    @Test
    void whoCanLoadItIsAskedBefore() {
        Processor able = new Processor(false, VNNI);
        assertThat(NativeKernels.isSupported("Linux", "amd64", able)).isTrue();
        assertThat(NativeKernels.isSupported("Windows 11", "amd64", able)).isFalse();
        assertThat(NativeKernels.isSupported("Mac OS X", "x86_64", able)).isFalse();
        assertThat(NativeKernels.isSupported("Linux", "aarch64", able)).isFalse();
        Processor older = new Processor(false, Set.of("avx512f", "avx512bw", "avx2"));
        assertThat(NativeKernels.isSupported("Linux", "amd64", older)).isFalse();
    }

    @Test
    void theyCanBeSwitchedOff() {
        try (Kernels plain = TestKernels.ofLibtorch()) {
            assertThat(plain.own()).isEqualTo(OwnKernels.NONE);
        }
    }

    @Test
    void bfloat16IsTheirsWhereOneDnnHasNoFasterInstructions() {
        Set<String> more = new HashSet<>(VNNI);
        assertThat(NativeKernels.takesBfloat16(new Processor(false, more))).isFalse();
        more.add("avx512_bf16");
        assertThat(NativeKernels.takesBfloat16(new Processor(false, more))).isTrue();
        more.add("amx_bf16");
        assertThat(NativeKernels.takesBfloat16(new Processor(false, more))).isFalse();
    }
}
