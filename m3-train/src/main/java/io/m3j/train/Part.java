package io.m3j.train;

import java.util.List;

/** The parts of a model that are frozen, or learn at a rate of their own. */
public enum Part {
    /** CLIP's vision transformer. */
    TOWER("vision_tower."),
    /** The layers between tower and decoder, and the token behind each line of tiles. */
    PROJECTOR("projector.", Part.NEWLINE),
    /** The language model with its embeddings and head. */
    DECODER("decoder.");

    /** Our name of the token behind each line of tiles. */
    static final String NEWLINE = "image_newline";

    private final List<String> prefixes;

    Part(String... prefixes) {
        this.prefixes = List.of(prefixes);
    }

    /**
     * @param name our name of a parameter
     * @return the part that it belongs to
     */
    public static Part of(String name) {
        for (Part part : values()) {
            if (part.prefixes.stream().anyMatch(name::startsWith)) {
                return part;
            }
        }
        throw new IllegalArgumentException("no part has " + name);
    }
}
