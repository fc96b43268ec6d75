package io.m3j.examples;

import io.m3j.core.M3Exception;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.ITypeConverter;

/** Numbers between commas, such as {@code 1,319,-200,29871}; white space around them is nothing. */
record PromptIds(List<Long> values) {

    /** Reads them from an argument; a list that is none is a failure, not a wrong usage. */
    static final class Converter implements ITypeConverter<PromptIds> {
        @Override
        public PromptIds convert(String argument) {
            List<Long> values = new ArrayList<>();
            for (String element : argument.split(",", -1)) {
                try {
                    values.add(Long.parseLong(element.strip()));
                } catch (NumberFormatException e) {
                    throw new M3Exception(
                            "--ids: element "
                                    + (values.size() + 1)
                                    + ": expected an integer, found '"
                                    + element.strip()
                                    + "'");
                }
            }
            return new PromptIds(List.copyOf(values));
        }
    }

    long[] toArray() {
        return values.stream().mapToLong(Long::longValue).toArray();
    }
}
