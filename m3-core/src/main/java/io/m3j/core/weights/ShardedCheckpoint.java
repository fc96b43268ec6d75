package io.m3j.core.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.m3j.core.M3Exception;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Several files and the index that says which tensor lies in which. */
final class ShardedCheckpoint implements Checkpoint {

    private static final String WEIGHT_MAP = "weight_map";
    private static final int MAXIMUM_SHARDS = 1000;
    private static final long MAXIMUM_INDEX_BYTES = 32L << 20;

    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .build();

    private final Path directory;
    private final Map<String, Checkpoint> shards;
    private final Map<String, Checkpoint> shardOf;

    private ShardedCheckpoint(
            Path directory, Map<String, Checkpoint> shards, Map<String, Checkpoint> shardOf) {
        this.directory = directory;
        this.shards = shards;
        this.shardOf = shardOf;
    }

    static ShardedCheckpoint open(Path index) {
        Path directory = index.toAbsolutePath().getParent();
        Map<String, Checkpoint> shards = new LinkedHashMap<>();
        Map<String, Checkpoint> shardOf = new LinkedHashMap<>();
        try {
            weightMap(index)
                    .forEach(
                            (name, file) -> {
                                Checkpoint shard = shards.get(file);
                                if (shard == null) {
                                    shard = openShard(index, name, file, shards.size());
                                    shards.put(file, shard);
                                }
                                if (!shard.names().contains(name)) {
                                    throw new M3Exception(
                                            index
                                                    + ": tensor "
                                                    + Names.shown(name)
                                                    + " is not in "
                                                    + Names.shown(file)
                                                    + ", where the index has it; index and shards"
                                                    + " are not of one checkpoint");
                                }
                                shardOf.put(name, shard);
                            });
        } catch (RuntimeException e) {
            shards.values().forEach(Checkpoint::close);
            throw e;
        }
        return new ShardedCheckpoint(directory, shards, shardOf);
    }

    private static Checkpoint openShard(Path index, String tensor, String file, int before) {
        if (before == MAXIMUM_SHARDS) {
            throw new M3Exception(index + ": more than " + MAXIMUM_SHARDS + " shards, refused");
        }
        Path directory = index.toAbsolutePath().getParent().normalize();
        Path shard;
        try {
            shard = directory.resolve(file).normalize();
        } catch (InvalidPathException e) {
            throw new M3Exception(index + ": shard " + Names.shown(file) + " is no file name", e);
        }
        // Links are followed: the cache of the Hugging Face hub is made of them.
        if (file.isEmpty() || Path.of(file).isAbsolute() || !shard.startsWith(directory)) {
            throw new M3Exception(
                    index
                            + ": shard "
                            + Names.shown(file)
                            + " of tensor "
                            + Names.shown(tensor)
                            + " lies outside the directory of the index, refused");
        }
        if (!Files.isRegularFile(shard)) {
            throw new M3Exception(
                    index
                            + ": shard "
                            + Names.shown(file)
                            + " of tensor "
                            + Names.shown(tensor)
                            + " is missing; fetch it");
        }
        return CheckpointFiles.openFile(shard);
    }

    private static Map<String, String> weightMap(Path index) {
        Map<String, String> weightMap = null;
        try {
            if (Files.size(index) > MAXIMUM_INDEX_BYTES) {
                throw new M3Exception(
                        index
                                + ": an index of more than "
                                + MAXIMUM_INDEX_BYTES
                                + " bytes, refused");
            }
            try (InputStream in = Files.newInputStream(index);
                    JsonParser json = JSON.createParser(in)) {
                if (json.nextToken() != JsonToken.START_OBJECT) {
                    throw new M3Exception(index + ": expected a JSON object");
                }
                while (json.nextToken() != JsonToken.END_OBJECT) {
                    boolean weights = WEIGHT_MAP.equals(json.currentName());
                    json.nextToken();
                    if (weights && weightMap != null) {
                        throw new M3Exception(index + ": " + WEIGHT_MAP + " twice");
                    } else if (weights) {
                        weightMap = weightMap(index, json);
                    } else {
                        json.skipChildren();
                    }
                }
            }
        } catch (IOException e) {
            throw new M3Exception(index + ": not a valid JSON index: " + e.getMessage(), e);
        }
        if (weightMap == null) {
            throw new M3Exception(index + ": expected an object " + WEIGHT_MAP + ", found none");
        }
        return weightMap;
    }

    private static Map<String, String> weightMap(Path index, JsonParser json) throws IOException {
        Map<String, String> weightMap = new LinkedHashMap<>();
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw new M3Exception(index + ": expected " + WEIGHT_MAP + " to be an object");
        }
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING
                    || weightMap.put(name, json.getText()) != null) {
                throw new M3Exception(
                        index
                                + ": expected one file name for tensor "
                                + Names.shown(name)
                                + " in "
                                + WEIGHT_MAP);
            }
        }
        return weightMap;
    }

    @Override
    public Path path() {
        return directory;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(shardOf.keySet());
    }

    @Override
    public TensorInfo info(String name) {
        return shard(name).info(name);
    }

    @Override
    public StoredTensor get(String name) {
        return shard(name).get(name);
    }

    /** The text of all shards; where they differ, that of the first. */
    @Override
    public Map<String, String> metadata() {
        Map<String, String> metadata = new LinkedHashMap<>();
        shards.values().forEach(shard -> shard.metadata().forEach(metadata::putIfAbsent));
        return metadata;
    }

    @Override
    public void close() {
        shards.values().forEach(Checkpoint::close);
    }

    private Checkpoint shard(String name) {
        Checkpoint shard = shardOf.get(name);
        if (shard == null) {
            throw Names.notFound(directory, name, shardOf.keySet());
        }
        return shard;
    }
}
