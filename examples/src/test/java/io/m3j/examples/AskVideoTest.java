package io.m3j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ask --video}, of folders and of a file that is an animated picture. */
class AskVideoTest {

    private static final int SECONDS = 12;

    @TempDir private Path folder;

    @BeforeEach
    void draw() throws IOException {
        for (int i = 0; i < SECONDS; i++) {
            ImageIO.write(frame(i), "png", folder.resolve("frame-" + i + ".png").toFile());
        }
    }

    /** Another grey each third second. */
    private static BufferedImage frame(int second) {
        BufferedImage picture = new BufferedImage(60, 40, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = picture.createGraphics();
        pen.setColor(new Color(20 + second / 3 * 60, 20 + second / 3 * 60, 20 + second / 3 * 60));
        pen.fillRect(0, 0, 60, 40);
        pen.dispose();
        return picture;
    }

    private Run ask(Object... more) {
        List<Object> all = new ArrayList<>(List.of("ask", "--video", folder, "--max-new-tokens=2"));
        all.addAll(List.of(more));
        return Run.of(all.toArray());
    }

    private static List<Double> seconds(JsonNode answer) {
        List<Double> seconds = new ArrayList<>();
        answer.get("frames").forEach(frame -> seconds.add(frame.get("seconds").doubleValue()));
        return seconds;
    }

    @Test
    void framesShareABudget() {
        JsonNode answer = ask("--frames=4", "--budget=100", "--json").json();
        assertThat(seconds(answer)).containsExactly(1.0, 4.0, 7.0, 10.0);
        // 4 × 9, and twice 27 more with what is left.
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(2 * 9 + 2 * 36);
        assertThat(answer.get("tokens").toString()).isEqualTo("[9,36,9,36]");
        assertThat(ask("--frames=4", "--budget=100").status()).isZero();
        assertThat(ask("--json").json().get("frames")).hasSize(6);
    }

    @Test
    void framesTakeTheScalesThatWereAskedFor() {
        JsonNode one = ask("--frames=3", "--tokens=9", "--json").json();
        assertThat(one.get("visual_tokens").intValue()).isEqualTo(27);
        JsonNode two = ask("--frames=3", "--tokens=1,36", "--json").json();
        assertThat(two.at("/answers/0/visual_tokens").intValue()).isEqualTo(3);
        assertThat(two.at("/answers/1/visual_tokens").intValue()).isEqualTo(108);
    }

    @Test
    void theCollageIsOnePicture() {
        JsonNode answer = ask("--collage", "--tokens=36", "--json").json();
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(36);
        assertThat(ask("--collage").out()).contains("576");
    }

    @Test
    void framesComeAtARateOrWhereScenesBegin() {
        assertThat(seconds(ask("--sample=rate:0.25", "--tokens=1", "--json").json()))
                .containsExactly(0.0, 4.0, 8.0);
        assertThat(seconds(ask("--sample=scenes", "--tokens=1", "--json").json()))
                .containsExactly(0.0, 3.0, 6.0, 9.0);
    }

    @Test
    void theFramesThatMatterAreLookedAtClosely() {
        JsonNode answer = ask("--refine=2", "--prompt=What is it?", "--json").json();
        assertThat(answer.get("frames")).hasSize(2);
        // The untrained model has a context of 2048: half of it, 1024, is 576 and 144.
        assertThat(answer.get("visual_tokens").intValue()).isEqualTo(720);
        Run placed = ask("--refine=2", "--prompt=<image> or <image>?", "--tokens=9");
        assertThat(placed.status()).isZero();
        // What stands still is looked at once: any two found are of two scenes.
        assertThat(seconds(answer)).allMatch(second -> second % 3 == 0).doesNotHaveDuplicates();
    }

    @Test
    void aFileIsReadAndABrokenOneRefused() throws IOException {
        Path gif = folder.resolve("still.gif");
        ImageIO.write(frame(3), "gif", gif.toFile());
        Run still = Run.of("ask", "--video", gif, "--tokens=9", "--max-new-tokens=1", "--json");
        assertThat(seconds(still.json())).containsExactly(0.0);
        Path broken = Files.writeString(folder.resolve("broken.mp4"), "no video");
        Run run = Run.of("ask", "--video", broken);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).hasLineCount(1).contains(broken.toString(), "a video file expected");
        Run none = Run.of("ask", "--video", folder.resolve("none.mp4"));
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("no such file");
    }

    @Test
    void whatDoesNotGoTogetherIsAWrongUsage() {
        assertThat(ask("--image", Home.picture()).status()).isEqualTo(2);
        assertThat(ask("--collage", "--budget=9").status()).isEqualTo(2);
        assertThat(ask("--tokens=9", "--budget=9").status()).isEqualTo(2);
        assertThat(ask("--frames=3", "--sample=rate:1").status()).isEqualTo(2);
        assertThat(Run.of("ask", "--frames=3").err()).contains("expected --video FILE");
        assertThat(ask("--frames=0").status()).isEqualTo(1);
        for (String option : new String[] {"--frames", "--budget", "--refine"}) {
            assertThat(ask(option, "-3").err())
                    .contains("m3: " + option + " -3: expected 1 or more")
                    .hasLineCount(1);
        }
        assertThat(ask("--sample=often").err()).contains("rate:R", "'often'");
        assertThat(ask("--sample=rate:0").err()).contains("--sample rate:0: sampling rate");
        assertThat(ask("--tokens=1", "--tokens=9").err())
                .contains("expected --tokens once with --video, found it 2 times");
        assertThat(ask("--frames=12", "--budget=11").err()).contains("budget of 11 tokens");
        assertThat(ask("--frames=6", "--budget=3").err())
                .contains("expected at least 6, what 6 frames take");
    }

    @Test
    void aFolderHoldsPicturesAlone() throws IOException {
        Path notes = Files.writeString(folder.resolve("frame-1.txt"), "no picture");
        Run run = ask("--tokens=1", "--frames=13");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
                .hasLineCount(1)
                .contains(notes + ": not a picture that can be read (PNG, JPEG")
                .contains("take this file out of it");
    }
}
