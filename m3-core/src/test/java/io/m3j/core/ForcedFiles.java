package io.m3j.core;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/** What was forced to the disk while this was open, as the flight recorder saw it. */
public final class ForcedFiles implements AutoCloseable {

    private static final String EVENT = "jdk.FileForce";

    private final Recording recording = new Recording();

    /** Begins to look. */
    public ForcedFiles() {
        recording.enable(EVENT).withoutThreshold().withoutStackTrace();
        recording.start();
    }

    /**
     * Ends looking.
     *
     * @return paths of files and directories in the order in which they were forced
     * @throws IOException if the recording cannot be read
     */
    public List<Path> paths() throws IOException {
        recording.stop();
        Path file = Files.createTempFile("forced", ".jfr");
        try {
            recording.dump(file);
            return RecordingFile.readAllEvents(file).stream()
                    .filter(event -> event.getEventType().getName().equals(EVENT))
                    .sorted(Comparator.comparing(RecordedEvent::getStartTime))
                    .map(event -> Path.of(event.getString("path")))
                    .toList();
        } finally {
            Files.delete(file);
        }
    }

    @Override
    public void close() {
        recording.close();
    }
}
