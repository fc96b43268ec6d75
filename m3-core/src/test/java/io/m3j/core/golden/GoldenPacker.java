package io.m3j.core.golden;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Makes the fixture packs from a golden directory.
 *
 * <p>Arguments: the golden directory (the one with {@code MANIFEST.sha256}) and the directory that
 * receives the packs, {@code m3-core/src/test/resources/golden}.
 */
public final class GoldenPacker {

    /** What the tests need: pack by pack, the paths below the golden directory. */
    private static final Map<String, List<String>> WANTED =
            Map.of(
                    "ckpt", List.of("ckpt/(edge|tokenizer)/.*"),
                    "golden",
                            List.of(
                                    "golden/(m3|hf|tensors)\\.json",
                                    "golden/preproc/preproc\\.json"),
                    "images", List.of("images/.*"),
                    "text", List.of("text/.*"));

    private final Path source;

    private GoldenPacker(Path source) {
        this.source = source;
    }

    /**
     * @param arguments golden directory, output directory
     * @throws IOException if one cannot be read or the other not written
     */
    public static void main(String[] arguments) throws IOException {
        GoldenPacker packer = new GoldenPacker(Path.of(arguments[0]));
        for (String area : WANTED.keySet()) {
            write(Path.of(arguments[1]).resolve(area + ".zip"), packer.select(area));
        }
    }

    private Map<String, byte[]> select(String area) throws IOException {
        Predicate<String> wanted =
                WANTED.get(area).stream()
                        .map(pattern -> Pattern.compile(pattern).asMatchPredicate())
                        .reduce(path -> false, Predicate::or);
        Map<String, byte[]> files = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(source.resolve(area))) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                String relative = source.relativize(path).toString().replace('\\', '/');
                if (wanted.test(relative)) {
                    files.put(relative, Files.readAllBytes(path));
                }
            }
        }
        return files;
    }

    private static void write(Path pack, Map<String, byte[]> files) throws IOException {
        StringBuilder manifest = new StringBuilder();
        files.forEach(
                (path, content) ->
                        manifest.append(GoldenPack.sha256(content) + "  " + path + "\n"));
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(pack))) {
            zip.setLevel(Deflater.BEST_COMPRESSION);
            put(zip, GoldenPack.MANIFEST, manifest.toString().getBytes(StandardCharsets.UTF_8));
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                put(zip, file.getKey(), file.getValue());
            }
        }
    }

    private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        // A fixed time: the same fixtures make the same pack.
        entry.setLastModifiedTime(FileTime.fromMillis(0));
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
