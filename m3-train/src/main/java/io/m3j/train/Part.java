package io.m3j.train;

/** The parts of a model that are frozen, or learn at a rate of their own. */
public enum Part {
    /** CLIP's vision transformer. */
    TOWER("vision_tower."),
    /** The layers between tower and decoder. */
    PROJECTOR("projector."),
    /** The language model with its embeddings and head. */
    DECODER("decoder.");

    private final String prefix;

    Part(String prefix) {
        this.prefix = prefix;
    }

    /**
     * @param name our name of a parameter
     * @return the part that it belongs to
     */
    public static Part of(String name) {
        for (Part part : values()) {
            if (name.startsWith(part.prefix)) {
                return part;
            }
        }
        throw new IllegalArgumentException("no part has " + name);
    }
}
