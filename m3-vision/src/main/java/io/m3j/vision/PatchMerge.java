package io.m3j.vision;

import io.m3j.core.M3Exception;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How the tokens of a picture's tiles become one sequence: {@code mm_patch_merge_type} of LLaVA. */
public enum PatchMerge {
    /** Tile after tile, each whole. */
    FLAT,
    /** As one map: each line of it passes through all tiles that stand side by side. */
    SPATIAL,
    /** The same without the tokens of the black bars, and with a newline token behind each line. */
    SPATIAL_UNPAD;

    /**
     * @param label as in config.json, such as {@code spatial_unpad}
     * @return what it means
     * @throws M3Exception if it is none of these
     */
    public static PatchMerge of(String label) {
        return Arrays.stream(values())
                .filter(merge -> merge.label().equals(label))
                .findFirst()
                .orElseThrow(
                        () ->
                                new M3Exception(
                                        "mm_patch_merge_type "
                                                + label
                                                + ": expected one of "
                                                + Arrays.stream(values())
                                                        .map(PatchMerge::label)
                                                        .collect(Collectors.joining(", "))));
    }

    /**
     * @return the name in config.json
     */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * @return whether lines end with a newline token
     */
    public boolean hasNewlines() {
        return this == SPATIAL_UNPAD;
    }
}
