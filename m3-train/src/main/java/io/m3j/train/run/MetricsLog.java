package io.m3j.train.run;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.train.Part;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * One JSON object a line, appended as the run goes. A checkpoint keeps the file's length at its moment;
 * whoever goes on from it cuts off what came later, and writes it again.
 */
final class MetricsLog implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final FileChannel channel;

    private MetricsLog(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * @param file made if it does not exist
     * @param bytes that stay of it
     * @throws M3Exception if it is shorter
     */
    static MetricsLog open(Path file, long bytes) {
        try {
            FileChannel channel =
                    FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (channel.size() < bytes) {
                long size = channel.size();
                channel.close();
                throw new M3Exception(
                        file
                                + ": expected at least the "
                                + bytes
                                + " bytes that it had at the checkpoint, found "
                                + size
                                + "; it was changed by something else. Put it back, or start a new run");
            }
            channel.truncate(bytes);
            channel.position(bytes);
            return new MetricsLog(file, channel);
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    /**
     * @param state behind the step
     * @param tally of its batches
     * @param norm of the gradient before clipping; empty if the weights were left alone
     * @param rates of the parts
     * @param seconds that the step took
     * @param elapsed seconds of the run
     */
    void step(
            RunState state,
            StepTally tally,
            OptionalDouble norm,
            Map<Part, Double> rates,
            double seconds,
            double elapsed) {
        ObjectNode line = JSON.createObjectNode().put("step", state.step());
        if (norm.isPresent()) {
            losses(line, tally).put("gradient_norm", norm.getAsDouble());
        } else {
            line.put("skipped", true);
        }
        ObjectNode byPart = line.putObject("learning_rate");
        rates.forEach((part, rate) -> byPart.put(part.name().toLowerCase(Locale.ROOT), rate));
        line.put("examples", state.examples()).put("tokens", state.tokens());
        line.put("skipped_examples", state.skippedExamples());
        line.put("skipped_steps", state.skippedSteps());
        line.put("tokens_per_second", tally.positions() / seconds).put("seconds", elapsed);
        add(line);
    }

    void evaluation(RunState state, StepTally tally) {
        ObjectNode line = JSON.createObjectNode().put("step", state.step());
        losses(line.putObject("evaluation"), tally).put("examples", tally.examples());
        add(line);
    }

    private static ObjectNode losses(ObjectNode json, StepTally tally) {
        json.put("loss", tally.loss());
        byScale(json, "loss_by_scale", tally.lossByScale());
        if (!tally.distillation().isEmpty()) {
            byScale(json, "distillation_by_scale", tally.distillation());
        }
        if (!tally.consistency().isEmpty()) {
            byScale(json, "consistency_by_scale", tally.consistency());
        }
        tally.grounding().ifPresent(loss -> json.put("grounding", loss));
        return json;
    }

    private static void byScale(ObjectNode json, String key, Map<Scale, Double> values) {
        ObjectNode object = json.putObject(key);
        values.forEach((scale, value) -> object.put(scale.toString(), value));
    }

    private void add(ObjectNode line) {
        try {
            byte[] json = JSON.writeValueAsBytes(line);
            ByteBuffer bytes = ByteBuffer.allocate(json.length + 1).put(json).put((byte) '\n');
            bytes.flip();
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    /** Forces the lines to the disk; returns the file's length. */
    long force() {
        try {
            channel.force(true);
            return channel.position();
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    private static M3Exception failed(Path file, IOException e) {
        return new M3Exception(file + ": cannot be written: " + e, e);
    }
}
