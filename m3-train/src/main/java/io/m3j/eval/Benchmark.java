package io.m3j.eval;

import io.m3j.core.M3Exception;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** A protocol: where its questions stand, how they are answered, and when an answer is right. */
public interface Benchmark {

    /**
     * @return its name on the command line and in reports
     */
    String name();

    /**
     * @return tokens after which an answer ends, unless the caller says otherwise
     */
    int maxNewTokens();

    /**
     * @return when an answer is right
     */
    Metric metric();

    /**
     * Reads the questions. Pictures are read later, but they are known to be there.
     *
     * @param questions a file, or a directory that holds one of the benchmark's name for it
     * @param images directory of the pictures; empty means where the benchmark puts them
     * @return the questions, at least one, in the order of the file
     * @throws M3Exception if a file is missing or broken, or a picture is missing
     */
    List<Question> read(Path questions, Optional<Path> images);

    /**
     * @param questions as for {@link #read}
     * @return the files that questions and answers are read from
     */
    List<Path> files(Path questions);

    /**
     * @return all that are known
     */
    static List<Benchmark> all() {
        return List.of(new ScenesBenchmark());
    }

    /**
     * @param name of a benchmark
     * @return the benchmark
     * @throws M3Exception if there is none of that name; the message names those there are
     */
    static Benchmark named(String name) {
        return all().stream()
                .filter(benchmark -> benchmark.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "benchmark "
                                                + name
                                                + ": expected one of "
                                                + all().stream()
                                                        .map(Benchmark::name)
                                                        .collect(Collectors.joining(", "))));
    }
}
