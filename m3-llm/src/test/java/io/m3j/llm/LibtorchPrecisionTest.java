package io.m3j.llm;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The same with libtorch's operators in 8 and 4 bits, as on processors that ours are not made for. */
class LibtorchPrecisionTest extends PrecisionTest {

    private static final String SWITCH = "m3j.nativeKernels";

    @BeforeAll
    static void switchOff() {
        System.setProperty(SWITCH, "false");
    }

    @AfterAll
    static void switchOn() {
        System.clearProperty(SWITCH);
    }
}
