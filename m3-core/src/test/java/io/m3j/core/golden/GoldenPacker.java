package io.m3j.core.golden;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.m3j.core.golden.PackedNumbers.Conversion;
import io.m3j.core.golden.PackedNumbers.Span;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;

/**
 * Makes the fixture packs from the golden directory.
 *
 * <p>Arguments: the golden directory (the one with {@code MANIFEST.sha256}) and the directory that
 * receives the packs, {@code m3-core/src/test/resources/golden}.
 */
public final class GoldenPacker {

    /** What the tests need: by pack, the paths below the golden directory. */
    private static final Map<String, Pattern> WANTED =
            Map.of(
                    "ckpt",
                    Pattern.compile("ckpt/.*"),
                    "golden",
                    Pattern.compile(
                            "golden/(m3|hf|tensors|text|train|next|next_hf_4\\.44\\.0|anyres_table)\\.json"
                                    + "|golden/(clip|m3_A|m3_B|m3_variants|hf_variants|next|train)\\.safetensors"
                                    + "|golden/preproc/(preproc\\.json"
                                    + "|(samples|pil_resize)\\.safetensors)"),
                    "images",
                    Pattern.compile("images/.*"),
                    "oracle",
                    Pattern.compile("oracle/.*"),
                    "text",
                    Pattern.compile("text/.*"));

    /**
     * Files whose numbers are packed, and from which files they can be predicted.
     *
     * @param files to be packed
     * @param width bytes of their words
     * @param sources files that hold the same weights, or null
     * @param conversion from the sources to the files
     */
    private record Rule(Pattern files, int width, Pattern sources, Conversion conversion) {

        static Rule plain(String files, int width) {
            return new Rule(Pattern.compile(files), width, null, null);
        }

        static Rule derived(String files, int width, String sources, Conversion conversion) {
            return new Rule(Pattern.compile(files), width, Pattern.compile(sources), conversion);
        }
    }

    /** In the order in which the files are restored: sources first. */
    private static final List<Rule> RULES =
            List.of(
                    Rule.plain("golden/[^/]*\\.safetensors", Float.BYTES),
                    Rule.plain("ckpt/llava-m3/.*\\.safetensors", Float.BYTES),
                    Rule.plain("ckpt/clip-full-bin/.*\\.bin", Float.BYTES),
                    Rule.plain("ckpt/llava-hf-gqa-bin/.*\\.bin", Short.BYTES),
                    Rule.plain("ckpt/llava-next-hf/.*\\.safetensors", Float.BYTES),
                    Rule.derived(
                            "ckpt/llava-hf-fp16/.*\\.safetensors",
                            Short.BYTES,
                            "ckpt/llava-next-hf/.*\\.safetensors",
                            Conversion.F32_TO_F16),
                    Rule.derived(
                            "ckpt/llava-hf/.*\\.safetensors",
                            Float.BYTES,
                            "ckpt/llava-m3/.*\\.safetensors",
                            Conversion.COPY_F32),
                    Rule.derived(
                            "ckpt/clip-vision/.*\\.safetensors",
                            Float.BYTES,
                            "ckpt/clip-full-bin/.*\\.bin",
                            Conversion.COPY_F32),
                    Rule.derived(
                            "ckpt/llava-m3-bin-sharded/.*\\.bin",
                            Short.BYTES,
                            "ckpt/llava-m3/.*\\.safetensors",
                            Conversion.F32_TO_F16),
                    Rule.derived(
                            "ckpt/llava-m3-gqa-sharded/.*\\.safetensors",
                            Short.BYTES,
                            "ckpt/llava-hf-gqa-bin/.*\\.bin",
                            Conversion.F16_TO_BF16),
                    Rule.derived(
                            "ckpt/llava-hf-bf16/.*\\.safetensors",
                            Short.BYTES,
                            "ckpt/llava-hf-fp16/.*\\.safetensors",
                            Conversion.F16_TO_BF16),
                    Rule.derived(
                            "ckpt/llava-next-m3-bf16/.*\\.safetensors",
                            Short.BYTES,
                            "ckpt/llava-hf-fp16/.*\\.safetensors",
                            Conversion.F16_TO_BF16));

    /** Double rounding spoils a sixteenth of the predictions; a wrong source spoils nearly all. */
    private static final double SAME_WEIGHTS = 0.8;

    /**
     * Where the bytes of a tensor stand in a file.
     *
     * @param offset from the start of the file
     * @param length in bytes
     */
    private record Region(int offset, int length) {}

    private final Map<String, byte[]> files;
    private final Map<String, List<Region>> regions = new LinkedHashMap<>();

    private GoldenPacker(Map<String, byte[]> files) throws IOException {
        this.files = files;
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            regions.put(file.getKey(), regions(file.getKey(), file.getValue()));
        }
    }

    /**
     * Makes all packs.
     *
     * @param arguments golden directory, output directory
     * @throws IOException if one cannot be read or the other not written
     */
    public static void main(String[] arguments) throws IOException {
        Path source = Path.of(arguments[0]);
        for (String area : WANTED.keySet()) {
            Map<String, byte[]> files = select(source, area);
            files.replaceAll(GoldenTrimmer::trim);
            Path pack = Path.of(arguments[1]).resolve(area + ".zip");
            Files.write(pack, new GoldenPacker(files).pack());
        }
    }

    /** Reads the wanted files of a pack; those that the source's manifest lists must fit it. */
    private static Map<String, byte[]> select(Path source, String area) throws IOException {
        Map<String, String> manifest =
                GoldenPack.digests(Files.readString(source.resolve(GoldenPack.MANIFEST)));
        Map<String, byte[]> files = new TreeMap<>();
        try (Stream<Path> paths = Files.walk(source.resolve(area))) {
            for (Path path : (Iterable<Path>) paths.filter(Files::isRegularFile)::iterator) {
                String relative = source.relativize(path).toString().replace('\\', '/');
                if (WANTED.get(area).matcher(relative).matches()) {
                    byte[] content = Files.readAllBytes(path);
                    String digest = GoldenPack.sha256(content);
                    if (!manifest.getOrDefault(relative, digest).equals(digest)) {
                        throw new IOException(path + " has changed since it was listed");
                    }
                    files.put(relative, content);
                }
            }
        }
        return files;
    }

    private static List<Region> regions(String path, byte[] content) throws IOException {
        List<Region> found = new ArrayList<>();
        if (path.endsWith(".safetensors")) {
            GoldenTensors.entries(content)
                    .values()
                    .forEach(entry -> found.add(new Region(entry.offset(), entry.length())));
        } else if (path.endsWith("/pytorch_model.bin") || path.contains("/pytorch_model-")) {
            // torch.save writes a zip that stores each tensor's bytes uncompressed as data/N.
            try (ZipFile zip = ZipFile.builder().setByteArray(content).get()) {
                for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
                    if (entry.getName().contains("/data/")) {
                        found.add(
                                new Region(
                                        Math.toIntExact(entry.getDataOffset()),
                                        Math.toIntExact(entry.getSize())));
                    }
                }
            }
        }
        found.sort(Comparator.comparingInt(Region::offset));
        return found;
    }

    private Map<String, PackedNumbers> recipe() {
        Map<String, PackedNumbers> recipe = new LinkedHashMap<>();
        for (Rule rule : RULES) {
            for (String path : files.keySet()) {
                if (rule.files().matcher(path).matches()) {
                    List<Span> spans = new ArrayList<>();
                    for (Region region : regions.get(path)) {
                        span(rule, path, region, spans);
                    }
                    recipe.put(path, new PackedNumbers(rule.width(), spans));
                }
            }
        }
        return recipe;
    }

    private void span(Rule rule, String path, Region region, List<Span> spans) {
        int count = region.length() / rule.width();
        if (rule.sources() == null) {
            spans.add(new Span(region.offset(), count, null, 0, null));
            return;
        }
        // Names differ between layouts and .bin files hide theirs: look for the numbers instead.
        PackedNumbers trial = new PackedNumbers(rule.width(), List.of());
        for (String source : files.keySet()) {
            if (rule.sources().matcher(source).matches()) {
                for (Region other : regions.get(source)) {
                    Span span =
                            new Span(
                                    region.offset(),
                                    count,
                                    source,
                                    other.offset(),
                                    rule.conversion());
                    if (other.length() == count * rule.conversion().sourceWidth
                            && trial.predicted(files.get(path), span, files) > SAME_WEIGHTS) {
                        spans.add(span);
                        return;
                    }
                }
            }
        }
    }

    private byte[] pack() throws IOException {
        StringBuilder manifest = new StringBuilder();
        files.forEach(
                (path, content) ->
                        manifest.append(GoldenPack.sha256(content) + "  " + path + "\n"));
        return pack(files, recipe(), manifest.toString());
    }

    /**
     * Makes a pack that {@link GoldenPack#read} reads.
     *
     * @param files content by path
     * @param recipe how the numbers of some of them are packed
     * @param manifest digest and path of each file
     * @return the pack's bytes
     */
    static byte[] pack(
            Map<String, byte[]> files, Map<String, PackedNumbers> recipe, String manifest)
            throws IOException {
        ObjectMapper json =
                new ObjectMapper().setSerializationInclusion(JsonInclude.Include.NON_NULL);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setLevel(Deflater.BEST_COMPRESSION);
            put(zip, GoldenPack.MANIFEST, manifest.getBytes(StandardCharsets.UTF_8));
            put(zip, GoldenPack.RECIPE, json.writeValueAsBytes(recipe));
            for (String path : files.keySet()) {
                PackedNumbers numbers = recipe.getOrDefault(path, new PackedNumbers(0, List.of()));
                PackedNumbers.Parts parts = numbers.split(files.get(path), files);
                put(zip, path, parts.rest());
                for (int k = 0; k < numbers.width(); k++) {
                    put(zip, GoldenPack.plane(path, k), parts.planes()[k]);
                }
            }
        }
        return bytes.toByteArray();
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
