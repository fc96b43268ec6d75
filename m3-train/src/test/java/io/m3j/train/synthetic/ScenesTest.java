package io.m3j.train.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.M3Exception;
import io.m3j.train.synthetic.ScenePlan.Spot;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ScenesTest {

    private static final Scenes SCENES = Scenes.of(Split.TRAIN.seed(7));
    private static final int SIDE = 336;
    private static final List<SceneOptions> ALL_KINDS =
            List.of(
                    SceneOptions.defaults(),
                    SceneOptions.crowd(),
                    SceneOptions.crowd(SceneOptions.USUAL_FORMS_ASKED, true));

    /** Changes only with the benchmark itself: then every score ever reported is another one's. */
    @Test
    void drawsThePixelsItAlwaysDrew() throws NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (int i = 0; i < 100; i++) {
            digest.update(bytes(SCENES.scene(i).picture()));
        }
        assertThat(HexFormat.of().formatHex(digest.digest()))
                .isEqualTo("8590eee9e93e032f48e9e9261d40ccc58248046b8e37f021ae47c3084047668e");
    }

    @Test
    void asksWhatItAlwaysAsked() throws NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (int i = 0; i < 100; i++) {
            String asked = SCENES.scene(i).questions().toString();
            digest.update(asked.getBytes(StandardCharsets.UTF_8));
        }
        assertThat(HexFormat.of().formatHex(digest.digest()))
                .isEqualTo("09e94bf08b9fe15edb2b1407f0c28214b20b77e5ee81ad4109b89abcbc2f6215");
    }

    /** Runs take scenes of one version for the same data: raise it with whatever makes this fail. */
    @Test
    void ofOneVersionScenesAreTheSame() throws NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        for (SceneOptions options : ALL_KINDS) {
            for (int i = 0; i < 3; i++) {
                Scene scene = Scenes.of(7, options).scene(i);
                digest.update(bytes(scene.picture()));
                List<Object> said =
                        List.of(scene.questions(), scene.caption(), scene.patchWords(24));
                digest.update(said.toString().getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(Scenes.VERSION + " " + HexFormat.of().formatHex(digest.digest()))
                .isEqualTo("4 fbcd417455c8446a54dfcf71fac22e18f0647e8e0793ae92f9aff9c564d67339");
    }

    @Test
    void aSceneDependsOnItsSeedAndIndexOnly() {
        Scene scene = SCENES.scene(42);
        byte[] first = bytes(scene.picture());
        assertThat(bytes(scene.picture())).isEqualTo(first);
        SCENES.scene(3).picture();
        assertThat(bytes(Scenes.of(SCENES.seed()).scene(42).picture())).isEqualTo(first);
        assertThat(bytes(SCENES.scene(43).picture())).isNotEqualTo(first);
        assertThat(bytes(Scenes.of(SCENES.seed() + 1).scene(42).picture())).isNotEqualTo(first);
        assertThat(SCENES.scene(42).id()).isEqualTo("scene-7-000042");
    }

    @Test
    void nothingOverlapsOrLeavesThePicture() {
        for (int i = 0; i < 2000; i++) {
            List<Spot> spots = spots(SCENES.scene(i).plan());
            for (Spot spot : spots) {
                assertThat(spot.x() - spot.halfWidth()).isNotNegative();
                assertThat(spot.y() - spot.halfHeight()).isNotNegative();
                assertThat(spot.x() + spot.halfWidth()).isLessThanOrEqualTo(SIDE);
                assertThat(spot.y() + spot.halfHeight()).isLessThanOrEqualTo(SIDE);
                assertThat(spots.stream().filter(spot::overlaps)).containsExactly(spot);
            }
        }
    }

    /** What is drawn is what was planned: each thing shows its own colour where it stands. */
    @Test
    void thingsHaveTheirColourInThePicture() {
        for (int i = 0; i < 100; i++) {
            ScenePlan plan = SCENES.scene(i).plan();
            BufferedImage picture = SCENES.scene(i).picture();
            assertThat(share(picture, plan.big().spot(), plan.big().colour())).isGreaterThan(.1);
            plan.counted()
                    .forEach(
                            t ->
                                    assertThat(share(picture, t.spot(), t.colour()))
                                            .isGreaterThan(.07));
            plan.shapes()
                    .forEach(
                            t ->
                                    assertThat(share(picture, t.spot(), t.colour()))
                                            .isGreaterThan(.12));
        }
    }

    @Test
    void typeIsDrawnInFullOnItsBoard() {
        for (int i = 0; i < 100; i++) {
            BufferedImage picture = SCENES.scene(i).picture();
            for (ScenePlan.Text text : SCENES.scene(i).plan().readables()) {
                Spot spot = text.spot();
                assertThat(text.textWidth()).isLessThanOrEqualTo(2 * spot.halfWidth() - 10);
                assertThat(text.height()).isBetween(9.0, 14.0);
                assertThat(contrast(picture, spot)).isGreaterThan(100);
            }
        }
    }

    @Test
    void everyFamilyIsAskedTwiceAndNoQuestionTwice() {
        for (int i = 0; i < 500; i++) {
            List<Question> questions = SCENES.scene(i).questions();
            assertThat(questions).hasSize(12);
            for (Family family : Family.values()) {
                assertThat(questions.stream().filter(q -> q.family() == family)).hasSize(2);
            }
            assertThat(questions.stream().map(Question::text)).doesNotHaveDuplicates();
        }
    }

    @Test
    void optionsMakeScenesHarderOrEasier() {
        SceneOptions large = new SceneOptions(1, 40, 48, 15, 16, 4, 1, 0, false, 0, false);
        for (int i = 0; i < 200; i++) {
            ScenePlan plan = Scenes.of(1, large).scene(i).plan();
            assertThat(plan.counted()).hasSizeLessThanOrEqualTo(2);
            assertThat(plan.shapes()).allMatch(shape -> shape.spot().halfWidth() >= 20);
            assertThat(plan.readables()).allMatch(text -> text.typeface() == 0);
            assertThat(plan.readables().subList(0, 2))
                    .allMatch(text -> Words.READABLE.indexOf(text.text()) < 4);
        }
        assertThatThrownBy(() -> new SceneOptions(6, 20, 34, 10, 14, 48, 4, 1, false, 0, false))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("mostOfAKind: 1.0 to 5.0 expected, found 6.0");
    }

    @Test
    void refusesANegativeIndex() {
        assertThatThrownBy(() -> SCENES.scene(-1))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("found -1");
    }

    private static List<Spot> spots(ScenePlan plan) {
        List<Spot> spots = new ArrayList<>(List.of(plan.big().spot()));
        plan.counted().forEach(thing -> spots.add(thing.spot()));
        plan.shapes().forEach(thing -> spots.add(thing.spot()));
        plan.readables().forEach(thing -> spots.add(thing.spot()));
        return spots;
    }

    private static double share(BufferedImage picture, Spot spot, Colour colour) {
        List<Color> pixels = pixels(picture, spot).toList();
        Color exact = colour.exact();
        long close =
                pixels.stream()
                        .filter(
                                p ->
                                        Math.abs(p.getRed() - exact.getRed()) <= 9
                                                && Math.abs(p.getGreen() - exact.getGreen()) <= 9
                                                && Math.abs(p.getBlue() - exact.getBlue()) <= 9)
                        .count();
        return (double) close / pixels.size();
    }

    private static int contrast(BufferedImage picture, Spot spot) {
        Spot inner = new Spot(spot.x(), spot.y() - 1, spot.halfWidth() / 2, 4);
        int[] greys = pixels(picture, inner).mapToInt(ScenesTest::grey).sorted().toArray();
        return greys[greys.length - 1] - greys[0];
    }

    private static int grey(Color colour) {
        return (299 * colour.getRed() + 587 * colour.getGreen() + 114 * colour.getBlue()) / 1000;
    }

    private static Stream<Color> pixels(BufferedImage picture, Spot spot) {
        List<Color> colours = new ArrayList<>();
        for (int y = (int) (spot.y() - spot.halfHeight()); y < spot.y() + spot.halfHeight(); y++) {
            for (int x = (int) (spot.x() - spot.halfWidth());
                    x < spot.x() + spot.halfWidth();
                    x++) {
                colours.add(
                        new Color(picture.getRGB(Math.min(x, SIDE - 1), Math.min(y, SIDE - 1))));
            }
        }
        return colours.stream();
    }

    private static byte[] bytes(BufferedImage picture) {
        int[] pixels = picture.getRGB(0, 0, SIDE, SIDE, null, 0, SIDE);
        ByteBuffer bytes = ByteBuffer.allocate(4 * pixels.length);
        bytes.asIntBuffer().put(pixels);
        return bytes.array();
    }

    /** The number is drawn last: nothing but the cell it stands in, a twentieth, is another without it. */
    @Test
    void withoutNumbersAPictureIsTheSameButForTheirCell() {
        for (int index = 0; index < 20; index++) {
            Scene scene = Scenes.of(7).scene(index);
            BufferedImage with = scene.picture();
            BufferedImage without = scene.pictureWithoutNumbers();
            int left = 336;
            int right = 0;
            int differing = 0;
            for (int y = 0; y < 336; y++) {
                for (int x = 0; x < 336; x++) {
                    if (with.getRGB(x, y) != without.getRGB(x, y)) {
                        differing++;
                        left = Math.min(left, x);
                        right = Math.max(right, x);
                    }
                }
            }
            assertThat(differing).isBetween(300, 84 * 68);
            assertThat(right - left).isLessThan(84);
        }
    }
}
