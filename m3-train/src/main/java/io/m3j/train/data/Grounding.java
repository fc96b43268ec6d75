package io.m3j.train.data;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;

/**
 * Words for what lies under the patches of a picture. A patch may have several, or none.
 *
 * @param patches numbers of patches, row by row from the upper left, as often as they have ids
 * @param ids one for each of them
 */
public record Grounding(int[] patches, int[] ids) {

    /**
     * Checks that there is an id for each patch named.
     *
     * @throws M3Exception if not
     */
    public Grounding {
        required(patches, "patches");
        required(ids, "ids");
        if (patches.length != ids.length) {
            throw new M3Exception(
                    "grounding: " + patches.length + " patches, but " + ids.length + " ids");
        }
    }
}
