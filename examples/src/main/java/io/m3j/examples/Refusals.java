package io.m3j.examples;

import io.m3j.core.M3Exception;
import java.util.function.Supplier;

/** The library's refusals in the words of the command line. */
final class Refusals {

    private Refusals() {}

    /**
     * Calls the library; if it refuses a value, says which option had it.
     *
     * @param option such as {@code --top-p}
     * @param name what the library calls it, which begins its message; may be empty
     * @param call of the library
     */
    static <T> T naming(String option, String name, Supplier<T> call) {
        try {
            return call.get();
        } catch (M3Exception e) {
            String message = e.getMessage();
            if (!message.startsWith(name)) {
                throw e;
            }
            throw new M3Exception(option + " " + message.substring(name.length()).strip(), e);
        }
    }
}
