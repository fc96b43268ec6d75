package io.m3j.core.weights;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.golden.Golden;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every tensor of every golden checkpoint, against the reference's own reading of it. */
class GoldenCheckpointsTest {

    private static final JsonNode TENSORS = Golden.json("golden/tensors.json");

    static Stream<String> files() {
        List<String> files = new ArrayList<>();
        TENSORS.fieldNames().forEachRemaining(files::add);
        return files.stream();
    }

    @ParameterizedTest
    @MethodSource("files")
    void everyTensorOfTheFileIsWhatTheReferenceReads(String file) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.file("ckpt/" + file))) {
            assertThat(checkpoint.names()).hasSize(check(checkpoint, TENSORS.get(file)));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "clip-full-bin",
                "clip-vision",
                "llava-hf",
                "llava-hf-bf16",
                "llava-hf-fp16",
                "llava-hf-gqa-bin",
                "llava-m3",
                "llava-m3-bin-sharded",
                "llava-m3-gqa-sharded"
            })
    void everyTensorOfTheDirectoryIsFoundThroughItsIndex(String directory) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.checkpoint(directory))) {
            int tensors =
                    files().filter(file -> file.startsWith(directory + "/"))
                            .mapToInt(file -> check(checkpoint, TENSORS.get(file)))
                            .sum();
            assertThat(checkpoint.names()).hasSize(tensors);
            NameMap names = NameMap.detect(checkpoint.names());
            assertThat(names.unknown()).isEmpty();
        }
    }

    @Test
    void theWrapperOfTheWeightsIsTakenOffAndWhatIsNoTensorPassedOver() {
        JsonNode plain = TENSORS.get("edge/edge.bin");
        try (Checkpoint nested = Checkpoint.open(Golden.file("ckpt/edge/edge_nested.bin"))) {
            assertThat(nested.names()).containsExactly("f32", "f64", "f16");
            nested.names().forEach(name -> checkTensor(nested, name, plain.get(name)));
        }
    }

    @Test
    void theSameWeightsInTwoLayoutsHaveTheSameNamesAndBytesForUs() {
        try (Checkpoint original = Checkpoint.open(Golden.checkpoint("llava-m3"));
                Checkpoint port = Checkpoint.open(Golden.checkpoint("llava-hf"))) {
            NameMap first = NameMap.detect(original.names());
            NameMap second = NameMap.detect(port.names());
            assertThat(first.layout()).isEqualTo(Layout.ORIGINAL);
            assertThat(second.layout()).isEqualTo(Layout.HF);
            Set<String> ours = new TreeSet<>(first.theirsByOurs().keySet());
            assertThat(second.theirsByOurs().keySet()).containsExactlyInAnyOrderElementsOf(ours);
            for (String name : ours) {
                StoredTensor here = original.get(first.theirs(name));
                StoredTensor there = port.get(second.theirs(name));
                assertThat(here.shape()).as(name).isEqualTo(there.shape());
                assertThat(here.data()).as(name).isEqualTo(there.data());
            }
        }
    }

    private static int check(Checkpoint checkpoint, JsonNode tensors) {
        for (Map.Entry<String, JsonNode> entry : tensors.properties()) {
            checkTensor(checkpoint, entry.getKey(), entry.getValue());
        }
        return tensors.size();
    }

    private static void checkTensor(Checkpoint checkpoint, String name, JsonNode expected) {
        TensorInfo info = checkpoint.info(name);
        StoredTensor tensor = checkpoint.get(name);
        CRC32 crc = new CRC32();
        crc.update(tensor.data());
        List<Long> shape = new ArrayList<>();
        expected.get(1).forEach(size -> shape.add(size.asLong()));
        String type =
                info.type() == ElementType.BOOLEAN
                        ? "bool"
                        : info.type().name().toLowerCase(Locale.ROOT);
        assertThat(type).as(name).isEqualTo(expected.get(0).asText());
        assertThat(info.shape().getShape())
                .as(name)
                .containsExactly(shape.stream().mapToLong(Long::longValue).toArray());
        assertThat(tensor.info()).isEqualTo(info);
        assertThat(crc.getValue()).as(name).isEqualTo(expected.get(2).asLong());
    }
}
