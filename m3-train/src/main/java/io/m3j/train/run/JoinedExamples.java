package io.m3j.train.run;

import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.vision.Resolution;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/** Sources one behind the other. */
record JoinedExamples(List<ExampleSource> sources) implements ExampleSource {

    /**
     * @param sources one or more
     * @return the only one, or all as one
     */
    static ExampleSource of(List<ExampleSource> sources) {
        return sources.size() == 1 ? sources.get(0) : new JoinedExamples(List.copyOf(sources));
    }

    @Override
    public int size() {
        return sources.stream().mapToInt(ExampleSource::size).reduce(0, Math::addExact);
    }

    @Override
    public Example get(int index) {
        return at(index, ExampleSource::get);
    }

    @Override
    public int length(int index) {
        return at(index, ExampleSource::length);
    }

    @Override
    public int pictures(int index) {
        return at(index, ExampleSource::pictures);
    }

    @Override
    public List<Resolution> pictureSizes(int index) {
        return at(index, ExampleSource::pictureSizes);
    }

    @Override
    public String fingerprint() {
        return sources.stream().map(ExampleSource::fingerprint).collect(Collectors.joining(" + "));
    }

    /** Asks the source of an example for it by its own number there. */
    private <T> T at(int index, BiFunction<ExampleSource, Integer, T> question) {
        int left = Objects.checkIndex(index, size());
        for (ExampleSource source : sources) {
            if (left < source.size()) {
                return question.apply(source, left);
            }
            left -= source.size();
        }
        throw new AssertionError("an index within the size belongs to a source");
    }
}
