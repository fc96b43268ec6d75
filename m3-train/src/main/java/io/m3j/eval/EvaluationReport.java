package io.m3j.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.m3j.core.DurableFiles;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * How right a model is at each scale, in all and by category. Rates are 0 to 1. Questions without an
 * answer count as wrong, and are counted as errors.
 *
 * @param benchmark its name
 * @param provenance what was evaluated, and how: model, precision, versions
 * @param samples questions
 * @param accuracy mean score, by scale
 * @param interval95 Wilson's interval of each accuracy
 * @param byCategory mean score, by category and scale
 * @param interval95ByCategory Wilson's interval of each of them
 * @param samplesByCategory questions of each category
 * @param meanTokens mean visual tokens of the answers, by scale; those of a scale that answered nothing
 *     are missing
 * @param oracle if the best scale of each question were known
 * @param errors questions without an answer, by scale
 * @param confusions the most frequent wrong answers, by category and scale
 */
public record EvaluationReport(
        String benchmark,
        Map<String, String> provenance,
        int samples,
        Map<Scale, Double> accuracy,
        Map<Scale, Interval> interval95,
        Map<String, Map<Scale, Double>> byCategory,
        Map<String, Map<Scale, Interval>> interval95ByCategory,
        Map<String, Integer> samplesByCategory,
        Map<Scale, Double> meanTokens,
        OracleReport oracle,
        Map<Scale, Integer> errors,
        Map<String, Map<Scale, List<Confusion>>> confusions) {

    /** Its name beside the answers. */
    public static final String FILE = "report.json";

    /**
     * @param file that {@link #write} made, or a directory that holds one named {@value #FILE}
     * @return the report
     * @throws M3Exception if there is none or it is another file
     */
    public static EvaluationReport read(Path file) {
        Path report = Files.isDirectory(file) ? file.resolve(FILE) : file;
        try {
            EvaluationReport read =
                    ReportJson.MAPPER.readValue(Files.readAllBytes(report), EvaluationReport.class);
            if (read.benchmark == null || read.accuracy == null || read.byCategory == null) {
                throw new M3Exception(report + ": expected a report of m3 eval, found other JSON");
            }
            return read;
        } catch (NoSuchFileException e) {
            throw new M3Exception(report + ": no such file; m3 eval --out DIR writes one", e);
        } catch (JsonProcessingException e) {
            throw new M3Exception(
                    report + ": not a report of m3 eval: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new M3Exception(report + ": cannot be read (" + e + ")", e);
        }
    }

    /**
     * @param file to write, replaced as a whole
     */
    public void write(Path file) {
        DurableFiles.replace(file, ReportJson.pretty(this));
    }

    /**
     * @return the report as one line of JSON
     */
    public String json() {
        return ReportJson.line(this);
    }

    /**
     * @param told what was evaluated, and how
     * @return this report with that in it
     */
    public EvaluationReport withProvenance(Map<String, String> told) {
        return new EvaluationReport(
                benchmark,
                told,
                samples,
                accuracy,
                interval95,
                byCategory,
                interval95ByCategory,
                samplesByCategory,
                meanTokens,
                oracle,
                errors,
                confusions);
    }

    /**
     * @return how many answers are missing, all scales together
     */
    public int totalErrors() {
        return errors.values().stream().mapToInt(Integer::intValue).sum();
    }
}
