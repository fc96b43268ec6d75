package io.m3j.train.run;

import io.m3j.train.data.Example;
import io.m3j.train.data.ExampleSource;
import io.m3j.vision.Resolution;
import java.util.List;
import java.util.Objects;
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
        int start = start(index);
        return source(index).get(index - start);
    }

    @Override
    public int length(int index) {
        int start = start(index);
        return source(index).length(index - start);
    }

    @Override
    public int pictures(int index) {
        int start = start(index);
        return source(index).pictures(index - start);
    }

    @Override
    public List<Resolution> pictureSizes(int index) {
        int start = start(index);
        return source(index).pictureSizes(index - start);
    }

    @Override
    public String fingerprint() {
        return sources.stream().map(ExampleSource::fingerprint).collect(Collectors.joining(" + "));
    }

    private ExampleSource source(int index) {
        int left = Objects.checkIndex(index, size());
        for (ExampleSource source : sources) {
            if (left < source.size()) {
                return source;
            }
            left -= source.size();
        }
        throw new AssertionError("an index within the size belongs to a source");
    }

    /** The number of the first example of the same source. */
    private int start(int index) {
        int start = 0;
        for (ExampleSource source : sources) {
            if (index < start + source.size()) {
                break;
            }
            start += source.size();
        }
        return start;
    }
}
