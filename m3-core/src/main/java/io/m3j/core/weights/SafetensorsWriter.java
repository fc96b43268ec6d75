package io.m3j.core.weights;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.m3j.core.DurableFiles;
import io.m3j.core.DurableFiles.FileContent;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Writes tensors as safetensors, in the order in which they were added, bytes unchanged. Tensors may
 * be supplied one at a time, so that the whole need not lie in memory.
 *
 * <p>What is written appears at once or not at all: files are written beside their place, forced to
 * the disk and then renamed, the index of shards last. If anything fails, what was written is
 * removed. Not safe for use by several threads.
 */
public final class SafetensorsWriter {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int ALIGNMENT = 8;
    private static final int PIECE_BYTES = 4 << 20;

    private final Map<String, Part> parts = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>(Map.of("format", "pt"));

    /** A tensor to come. */
    private record Part(TensorInfo info, Supplier<StoredTensor> tensor) {}

    /** A writer without tensors, whose metadata says {@code format=pt} as transformers expects. */
    public SafetensorsWriter() {}

    /**
     * @param tensor a tensor
     * @return this writer
     * @throws M3Exception if there is one of its name already
     */
    public SafetensorsWriter add(StoredTensor tensor) {
        return add(tensor.info(), () -> tensor);
    }

    /**
     * Adds a tensor that is made when it is written, and may be freed then.
     *
     * @param info its name, type and shape
     * @param tensor makes it; called once for each file or directory written
     * @return this writer
     * @throws M3Exception if there is one of its name already
     */
    public SafetensorsWriter add(TensorInfo info, Supplier<StoredTensor> tensor) {
        if (info.name().equals(SafetensorsHeader.METADATA)) {
            throw new M3Exception(
                    "tensor " + info.name() + ": this name is reserved for the file's metadata");
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(info.name())) {
            throw new M3Exception(
                    "tensor " + Names.shown(info.name()) + ": its name is not valid Unicode");
        }
        if (parts.putIfAbsent(info.name(), new Part(info, tensor)) != null) {
            throw new M3Exception(
                    "tensor " + Names.shown(info.name()) + ": added twice, expected once");
        }
        return this;
    }

    /**
     * @param key a name of free text
     * @param value the text
     * @return this writer
     */
    public SafetensorsWriter metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    /**
     * Writes one file; a file of that name is replaced at once when the new one is complete.
     *
     * @param file its path; the directory must exist
     * @throws M3Exception if it cannot be written, or a tensor is not what it was said to be
     * @see #target
     */
    public void writeFile(Path file) {
        Path target = target(file);
        try (Staging staging = new Staging(target.getParent())) {
            staging.write(target, channel -> write(channel, List.copyOf(parts.values())));
            staging.publish();
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    /**
     * The place that {@link #writeFile} would write to: through links to the file behind them, so that
     * it is the file that is replaced, and the link stays.
     *
     * @param file a path
     * @return its place, with an existing directory around it
     * @throws M3Exception if there is no such directory, or the place is taken by what is not a plain
     *     file: a directory, a device, a pipe, a link to nothing
     */
    public static Path target(Path file) {
        Path place = file.toAbsolutePath();
        Path parent = place.getParent();
        if (parent != null && !Files.isDirectory(parent)) {
            throw new M3Exception(file + ": cannot be written: there is no directory " + parent);
        }
        if (Files.notExists(place, LinkOption.NOFOLLOW_LINKS)) {
            return place;
        }
        if (!Files.isRegularFile(place)) {
            throw new M3Exception(
                    file + ": expected a plain file or nothing to replace, found " + kind(place));
        }
        try {
            return place.toRealPath();
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    private static String kind(Path place) {
        if (Files.isDirectory(place)) {
            return "a directory";
        }
        return Files.exists(place)
                ? "a device, a pipe or their like"
                : "a link to a file that does not exist, or what may not be looked at";
    }

    /**
     * Writes a checkpoint into a directory as Hugging Face names it: {@code model.safetensors} if it
     * fits, else {@code model-00001-of-0000N.safetensors} and an index.
     *
     * @param directory a directory without safetensors files, since old and new shards could be
     *     mixed; made if it does not exist
     * @param maximumShardBytes a shard takes tensors until the next one would exceed this; a larger
     *     tensor gets a shard of its own
     * @throws M3Exception if it cannot be written, or a tensor is not what it was said to be
     */
    public void writeDirectory(Path directory, long maximumShardBytes) {
        List<List<Part>> shards = shards(maximumShardBytes);
        Path target = directory.toAbsolutePath();
        try {
            Files.createDirectories(target);
            Path index = target.resolve(CheckpointFiles.SAFETENSORS_INDEX);
            if (Files.exists(index) || !CheckpointFiles.safetensorsIn(target).isEmpty()) {
                throw new M3Exception(
                        directory
                                + ": holds safetensors files already; write to another directory,"
                                + " or remove them");
            }
            try (Staging staging = new Staging(target)) {
                ObjectNode root = JSON.createObjectNode();
                root.putObject("metadata").put("total_size", totalBytes(parts.values()));
                ObjectNode weightMap = root.putObject("weight_map");
                for (int i = 0; i < shards.size(); i++) {
                    List<Part> shard = shards.get(i);
                    String name =
                            shards.size() == 1
                                    ? CheckpointFiles.SAFETENSORS
                                    : String.format(
                                            Locale.ROOT,
                                            "model-%05d-of-%05d.safetensors",
                                            i + 1,
                                            shards.size());
                    staging.write(target.resolve(name), channel -> write(channel, shard));
                    shard.forEach(part -> weightMap.put(part.info().name(), name));
                }
                if (shards.size() > 1) {
                    byte[] text = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
                    staging.write(index, channel -> writeFully(channel, ByteBuffer.wrap(text)));
                }
                staging.publish();
            }
        } catch (IOException e) {
            throw failed(directory, e);
        }
    }

    private List<List<Part>> shards(long maximumShardBytes) {
        if (maximumShardBytes < 1) {
            throw new M3Exception(
                    "maximum bytes of a shard " + maximumShardBytes + ": expected 1 or more");
        }
        List<List<Part>> shards = new ArrayList<>();
        shards.add(new ArrayList<>());
        long bytes = 0;
        for (Part part : parts.values()) {
            List<Part> shard = shards.get(shards.size() - 1);
            if (!shard.isEmpty() && bytes + part.info().byteCount() > maximumShardBytes) {
                shard = new ArrayList<>();
                shards.add(shard);
                bytes = 0;
            }
            shard.add(part);
            bytes += part.info().byteCount();
        }
        return shards;
    }

    private static long totalBytes(Iterable<Part> parts) {
        long total = 0;
        for (Part part : parts) {
            total += part.info().byteCount();
        }
        return total;
    }

    private void write(FileChannel channel, List<Part> shard) throws IOException {
        writeFully(channel, header(shard));
        for (Part part : shard) {
            StoredTensor tensor = part.tensor().get();
            if (!tensor.info().equals(part.info())) {
                throw new M3Exception(
                        "tensor "
                                + Names.shown(part.info().name())
                                + ": said to be "
                                + part.info()
                                + ", but supplied as "
                                + tensor.info());
            }
            writeFully(channel, tensor.data());
        }
    }

    private ByteBuffer header(List<Part> shard) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        ObjectNode text = root.putObject(SafetensorsHeader.METADATA);
        metadata.forEach(text::put);
        long offset = 0;
        for (Part part : shard) {
            TensorInfo info = part.info();
            ObjectNode entry = root.putObject(info.name());
            entry.put("dtype", info.type().safetensorsName());
            for (long size : info.shape().getShape()) {
                entry.withArray("shape").add(size);
            }
            if (info.shape().dimension() == 0) {
                entry.putArray("shape");
            }
            entry.putArray("data_offsets").add(offset).add(offset + info.byteCount());
            offset += info.byteCount();
        }
        byte[] json = JSON.writeValueAsString(root).getBytes(StandardCharsets.UTF_8);
        int padded = (json.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        ByteBuffer header = ByteBuffer.allocate(Long.BYTES + padded).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(padded).put(json);
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.flip();
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        // In pieces: a channel copies what lies on the heap to memory outside it, all at once.
        while (bytes.hasRemaining()) {
            int length = Math.min(bytes.remaining(), PIECE_BYTES);
            bytes.position(bytes.position() + channel.write(bytes.slice(bytes.position(), length)));
        }
    }

    private static M3Exception failed(Path path, IOException e) {
        return new M3Exception(path + ": cannot be written: " + e + "; nothing of it was kept", e);
    }

    /** Files written beside their places; what is not published is removed by closing. */
    private static final class Staging implements AutoCloseable {

        private final Path directory;
        private final Map<Path, Path> targetByTemporary = new LinkedHashMap<>();
        private final List<Path> moved = new ArrayList<>();

        Staging(Path directory) {
            this.directory = directory;
        }

        void write(Path target, FileContent content) throws IOException {
            Path temporary =
                    directory.resolve(
                            "." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
            targetByTemporary.put(temporary, target);
            DurableFiles.create(temporary, content);
        }

        /** Renames in the order of writing, so that the index of shards comes last. */
        void publish() throws IOException {
            for (Map.Entry<Path, Path> entry : targetByTemporary.entrySet()) {
                if (moved.size() == targetByTemporary.size() - 1) {
                    DurableFiles.forceDirectory(
                            directory); // the shards must be there before what makes them visible
                }
                Files.move(entry.getKey(), entry.getValue(), StandardCopyOption.ATOMIC_MOVE);
                moved.add(entry.getValue());
            }
            DurableFiles.forceDirectory(directory);
            targetByTemporary.clear();
            moved.clear();
        }

        @Override
        public void close() throws IOException {
            for (Path temporary : targetByTemporary.keySet()) {
                Files.deleteIfExists(temporary);
            }
            for (Path shard : moved) {
                Files.deleteIfExists(shard);
            }
        }
    }
}
