package io.m3j.train.synthetic;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Locale;

/**
 * One generated picture with what can be asked about it. Nothing is drawn before {@link #picture} is
 * called. Immutable.
 */
public final class Scene {

    private final ScenePlan plan;
    private final SceneOptions options;
    private final long seed;
    private final int index;
    private final List<Question> questions;

    Scene(long seed, int index, SceneOptions options) {
        this.seed = seed;
        this.index = index;
        this.options = options;
        plan = ScenePlanner.plan(random(Use.PLAN), options);
        questions = QuestionWriter.write(plan, random(Use.QUESTIONS), options);
    }

    /** What random numbers are for, each with its own, in the order in which they are split off. */
    private enum Use {
        PLAN,
        PICTURE,
        QUESTIONS,
        CAPTION
    }

    private SceneRandom random(Use use) {
        SceneRandom all = SceneRandom.of(seed, index);
        for (int i = 0; i < use.ordinal(); i++) {
            all.split();
        }
        return all.split();
    }

    /**
     * @return the name of this scene, such as {@code scene-7-000042}: seed and index
     */
    public String id() {
        return String.format(Locale.ROOT, "scene-%d-%06d", seed, index);
    }

    /**
     * Draws the picture, anew each time.
     *
     * @return 336 × 336 pixels, TYPE_INT_RGB
     */
    public BufferedImage picture() {
        return paint(plan);
    }

    /**
     * Draws the picture without what has a number on it: all else is as in {@link #picture}, pixel for
     * pixel. What is asked about the number has no answer then, or "no number" where it may be missing.
     *
     * @return 336 × 336 pixels, TYPE_INT_RGB
     */
    public BufferedImage pictureWithoutNumbers() {
        return paint(plan.withoutNumbers());
    }

    private BufferedImage paint(ScenePlan drawn) {
        return ScenePainter.paint(drawn, random(Use.PICTURE), options);
    }

    /**
     * @return twelve questions, two of each family, in an order of this scene's own; of a crowd ten, of
     *     background, object and small shapes. If a number is asked for it is an eleventh of a crowd, and of
     *     another scene the second reading. In some two scenes of a million, of those without the number in one of
     *     a thousand, nothing is clearly beside another thing, and one relation less is asked for
     */
    public List<Question> questions() {
        return questions;
    }

    /**
     * @return all that the picture shows, a sentence for each fact, in an order of this scene's own; of a
     *     crowd what its questions ask for
     */
    public String caption() {
        return CaptionWriter.write(plan, random(Use.CAPTION), options);
    }

    /**
     * @param gridSide patches along a side
     * @return words for what lies under each patch, row by row from the upper left; none where a patch
     *     shows nothing that another of its kind does not show, too
     */
    public List<List<String>> patchWords(int gridSide) {
        return PatchWords.of(plan, gridSide, options.crowded());
    }

    ScenePlan plan() {
        return plan;
    }
}
