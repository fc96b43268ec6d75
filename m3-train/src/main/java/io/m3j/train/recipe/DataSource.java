package io.m3j.train.recipe;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.train.synthetic.SceneOptions;
import io.m3j.train.synthetic.Split;
import java.nio.file.Path;

/** Where examples come from. */
public sealed interface DataSource {

    /**
     * Conversations as LLaVA's training files hold them.
     *
     * @param annotations a JSON list, or JSON lines
     * @param images directory that the pictures' names are relative to
     */
    record Llava(Path annotations, Path images) implements DataSource {
        /** Checks that both are there. */
        public Llava {
            required(annotations, "annotations");
            required(images, "images");
        }
    }

    /**
     * The generated benchmark, drawn when it is asked for.
     *
     * @param seed of the first scene
     * @param count of scenes
     * @param questionsPerScene how many of each scene's questions
     * @param crowded whether they are pictures full of small things, to learn to see from
     * @param formsAsked of a crowded scene's six small shapes, how many are asked for their form; the
     *     others for their colour
     * @param numberAsked whether each scene is asked for a number, which is not there in one of four
     * @param captions whether the caption is asked for, in place of questions
     * @param blank whether each picture is a grey one, which tells nothing
     */
    record Scenes(
            long seed,
            int count,
            int questionsPerScene,
            boolean crowded,
            int formsAsked,
            boolean numberAsked,
            boolean captions,
            boolean blank)
            implements DataSource {
        /** Checks the counts, and that no scene is kept for reporting. */
        public Scenes {
            if (seed >= Split.TEST.first() && seed <= Split.TEST.last()) {
                throw new M3Exception(
                        "seed: expected one to learn from ("
                                + range(Split.TRAIN)
                                + ") or to tune by ("
                                + range(Split.VALIDATION)
                                + "), found "
                                + seed
                                + ", which is among those to report ("
                                + range(Split.TEST)
                                + "): what a model knows already measures nothing");
            }
            Range.atLeast(1, "count", count);
            Range.atLeast(1, "questions_per_scene", questionsPerScene);
            if (formsAsked < 0 || formsAsked > SceneOptions.SHAPES_IN_A_CROWD) {
                throw new M3Exception(
                        "forms_asked: expected 0 to "
                                + SceneOptions.SHAPES_IN_A_CROWD
                                + ", found "
                                + formsAsked);
            }
        }

        private static String range(Split split) {
            return split.first() + " to " + split.last();
        }
    }
}
