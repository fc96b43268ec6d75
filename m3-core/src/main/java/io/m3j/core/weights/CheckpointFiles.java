package io.m3j.core.weights;

import io.m3j.core.M3Exception;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Tells which files make a checkpoint, and of which format a file is. */
final class CheckpointFiles {

    static final String SAFETENSORS = "model.safetensors";
    static final String SAFETENSORS_INDEX = "model.safetensors.index.json";
    static final String SAFETENSORS_SUFFIX = ".safetensors";

    private static final String TORCH = "pytorch_model.bin";
    private static final String TORCH_INDEX = "pytorch_model.bin.index.json";

    /** A shard: without its index it is no whole checkpoint. */
    private static final Pattern SHARD = Pattern.compile(".*-\\d{5}-of-\\d{5}\\.safetensors");

    private static final byte[] ZIP = {'P', 'K'};
    private static final byte[] LFS = "version https://git-lfs".getBytes(StandardCharsets.US_ASCII);

    private CheckpointFiles() {}

    static Checkpoint open(Path path) {
        if (!Files.exists(path)) {
            throw new M3Exception(path + ": no such file or directory");
        }
        return Files.isDirectory(path) ? openDirectory(path) : openFile(path);
    }

    private static Checkpoint openDirectory(Path directory) {
        if (Files.exists(directory.resolve(SAFETENSORS_INDEX))) {
            return ShardedCheckpoint.open(directory.resolve(SAFETENSORS_INDEX));
        }
        if (Files.exists(directory.resolve(SAFETENSORS))) {
            return openFile(directory.resolve(SAFETENSORS));
        }
        List<Path> single = safetensorsIn(directory);
        if (single.size() == 1 && !SHARD.matcher(single.get(0).toString()).matches()) {
            return openFile(single.get(0));
        }
        if (Files.exists(directory.resolve(TORCH_INDEX))) {
            return ShardedCheckpoint.open(directory.resolve(TORCH_INDEX));
        }
        if (Files.exists(directory.resolve(TORCH))) {
            return openFile(directory.resolve(TORCH));
        }
        throw new M3Exception(
                directory
                        + ": no checkpoint; looked for "
                        + SAFETENSORS_INDEX
                        + ", "
                        + SAFETENSORS
                        + ", a single whole *.safetensors (found "
                        + single.size()
                        + "), "
                        + TORCH_INDEX
                        + " and "
                        + TORCH);
    }

    static List<Path> safetensorsIn(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.toString().endsWith(SAFETENSORS_SUFFIX))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new M3Exception(directory + ": cannot be listed: " + e.getMessage(), e);
        }
    }

    /** Opens one file by what it holds. */
    static Checkpoint openFile(Path file) {
        byte[] head = head(file);
        if (startsWith(head, ZIP)) {
            return TorchZipFile.open(file);
        }
        if (startsWith(head, LegacyTorchFile.MAGIC)) {
            return LegacyTorchFile.open(file);
        }
        if (startsWith(head, LFS)) {
            throw new M3Exception(
                    file
                            + ": a Git LFS pointer of "
                            + head.length
                            + " bytes or more, not the weights; run git lfs pull");
        }
        boolean likeSafetensors = head.length > Long.BYTES && head[Long.BYTES] == '{';
        if (likeSafetensors || file.toString().endsWith(SAFETENSORS_SUFFIX)) {
            return SafetensorsFile.open(file);
        }
        throw new M3Exception(
                file
                        + ": neither safetensors nor a PyTorch file: it begins with "
                        + hexadecimal(head)
                        + "; it is truncated, damaged or something else");
    }

    private static byte[] head(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(LFS.length);
        } catch (NoSuchFileException e) {
            throw new M3Exception(file + ": no such file", e);
        } catch (IOException e) {
            throw new M3Exception(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static boolean startsWith(byte[] bytes, byte[] start) {
        return bytes.length >= start.length
                && Arrays.equals(bytes, 0, start.length, start, 0, start.length);
    }

    private static String hexadecimal(byte[] bytes) {
        return HexFormat.ofDelimiter(" ").formatHex(bytes, 0, Math.min(8, bytes.length));
    }
}
