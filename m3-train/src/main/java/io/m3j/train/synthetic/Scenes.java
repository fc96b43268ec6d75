package io.m3j.train.synthetic;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;

/**
 * The generated benchmark: pictures of 336 × 336 pixels with questions, drawn from a seed. Scene
 * {@code index} of a seed depends on nothing else: it has the same questions everywhere, and the same
 * pixels wherever Java's own rasteriser (Marlin, in OpenJDK) draws.
 *
 * <p>Any seed is taken. Which seeds are for training, tuning and reporting is told by {@link Split}.
 *
 * <p>Immutable, and safe for use by several threads.
 */
public final class Scenes {

    /**
     * The version of what is drawn and asked, a part of the {@linkplain ScenesSource#fingerprint() fingerprint}
     * of scenes. To be raised whenever some seed and options would give another picture, question, caption or
     * word for a patch than before: a run does not go on with other data than it was begun with.
     */
    static final int VERSION = 4;

    private final long seed;
    private final SceneOptions options;

    private Scenes(long seed, SceneOptions options) {
        this.seed = seed;
        this.options = options;
    }

    /**
     * @param seed of all its scenes
     * @return the benchmark's scenes of this seed
     */
    public static Scenes of(long seed) {
        return of(seed, SceneOptions.defaults());
    }

    /**
     * @param seed of all its scenes
     * @param options how hard they are
     * @return the scenes of this seed
     */
    public static Scenes of(long seed, SceneOptions options) {
        return new Scenes(seed, required(options, "options"));
    }

    /**
     * @param index 0 and up, as far as one likes
     * @return that scene
     * @throws M3Exception if the index is negative
     */
    public Scene scene(int index) {
        if (index < 0) {
            throw new M3Exception("scene: an index of 0 or more expected, found " + index);
        }
        return new Scene(seed, index, options);
    }

    /**
     * @return the seed
     */
    public long seed() {
        return seed;
    }

    /**
     * @return how hard the scenes are
     */
    public SceneOptions options() {
        return options;
    }
}
