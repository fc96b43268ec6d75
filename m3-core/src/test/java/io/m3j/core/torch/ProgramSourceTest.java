package io.m3j.core.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What can be told of the kernels by reading them. */
class ProgramSourceTest {

    /** Operators that make an array from nothing (aten/src/ATen/native/TensorFactories.cpp). */
    private static final Pattern FACTORY =
            Pattern.compile(
                    "\\btorch\\.(arange|as_tensor|empty|empty_strided|eye|full|linspace|logspace|ones|rand"
                            + "|randint|randn|randperm|scalar_tensor|tensor|tril_indices|triu_indices"
                            + "|zeros)\\(");

    private static final String DEVICE = "device=ops.prim.device(";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "kernels.torchscript",
                "patches.torchscript",
                "quantise.torchscript",
                "linear-onednn.torchscript",
                "linear-plain.torchscript"
            })
    void everyFactoryTakesItsDeviceFromAnOperand(String program) {
        assertThat(factories(program)).allMatch(call -> call.contains(DEVICE));
    }

    @Test
    void thereAreFactoriesToLookAt() {
        assertThat(factories("kernels.torchscript")).hasSizeGreaterThan(3);
    }

    @Test
    void whatEveryDeviceRunsNamesNoOperatorOfOneDeviceAlone() {
        String plain = FakeDevice.withoutComments(Kernels.plainSource());
        assertThat(plain).doesNotContain("_for_cpu", "int8pack", "torch.device(", "quantized");
        Matcher namespace = Pattern.compile("\\bops\\.(\\w+)\\.(\\w+)").matcher(plain);
        assertThat(namespace.results())
                .isNotEmpty()
                .allMatch(found -> found.group(1).equals("prim"))
                .extracting(found -> found.group(2))
                .containsOnly("device", "dtype", "min");
    }

    /** Training reads it too, and the way back needs what was. */
    @Test
    void nothingIsChangedInPlaceWhereGradientsPass() {
        String shared = FakeDevice.withoutComments(TestKernels.resource("patches.torchscript"));
        assertThat(Pattern.compile("\\btorch\\.\\w+_\\(").matcher(shared).results()).isEmpty();
    }

    private static List<String> factories(String program) {
        String source = FakeDevice.withoutComments(TestKernels.resource(program));
        List<String> calls = new ArrayList<>();
        Matcher matcher = FACTORY.matcher(source);
        while (matcher.find()) {
            calls.add(source.substring(matcher.start(), closing(source, matcher.end())));
        }
        return calls;
    }

    /** Behind the bracket that closes the one before. */
    private static int closing(String source, int start) {
        int depth = 1;
        int end = start;
        while (depth > 0) {
            char c = source.charAt(end++);
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        }
        return end;
    }
}
