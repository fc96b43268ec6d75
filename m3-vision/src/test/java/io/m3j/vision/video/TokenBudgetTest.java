package io.m3j.vision.video;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.m3j.core.Ladder;
import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.vision.AnyResolution;
import io.m3j.vision.PatchMerge;
import io.m3j.vision.PinpointOrder;
import io.m3j.vision.TileLayout;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** How tokens are shared among frames. */
class TokenBudgetTest {

    private static final Ladder LADDER = Ladder.ofGrid(24);
    private static final TileLayout WHOLE = TileLayout.whole(640, 480, 336);

    private static final TileLayout TILED =
            AnyResolution.of(
                            AnyResolution.DEFAULT_PINPOINTS,
                            PinpointOrder.WIDTH_HEIGHT,
                            PatchMerge.SPATIAL_UNPAD,
                            OptionalInt.empty())
                    .layout(640, 480, 336);

    private static List<Integer> share(int tokens, int frames, TileLayout layout) {
        return new TokenBudget(tokens)
                .share(Collections.nCopies(frames, layout), LADDER).stream()
                        .map(Scale::tokens)
                        .toList();
    }

    @Test
    void whatIsLeftRaisesFramesSpreadOverTheVideo() {
        assertThat(share(6 * 144, 6, WHOLE)).containsOnly(144).hasSize(6);
        assertThat(share(6 * 144 - 1, 6, WHOLE)).containsExactly(144, 144, 36, 144, 144, 144);
        assertThat(share(6 * 36 + 2 * 108, 6, WHOLE)).containsExactly(36, 144, 36, 36, 144, 36);
        assertThat(share(6 * 36 + 107, 6, WHOLE)).containsOnly(36);
        assertThat(share(1_000_000, 2, WHOLE)).containsExactly(576, 576);
        assertThat(share(5, 5, WHOLE)).containsOnly(1);
    }

    /** 640×480 takes 2340, 594, 166, 37 or 7 tokens. */
    @Test
    void framesAtAnyResolutionCostWhatTheirTilesAndNewlinesCost() {
        assertThat(share(2 * 594, 2, TILED)).containsExactly(144, 144);
        assertThat(share(2 * 594 - 1, 2, TILED)).containsExactly(36, 144);
        assertThat(share(2 * 166 - 1, 2, TILED)).containsExactly(9, 36);
    }

    @Property
    void theBudgetIsKeptAndNoMoreFramesCouldBeRaised(
            @ForAll @IntRange(min = 1, max = 100) int frames,
            @ForAll @IntRange(min = 0, max = 60_000) int above,
            @ForAll boolean tiled) {
        TileLayout layout = tiled ? TILED : WHOLE;
        int least = layout.tokenCount(LADDER.coarsest());
        int tokens = frames * least + above;
        List<Integer> scales = share(tokens, frames, layout);
        List<Integer> kinds = scales.stream().distinct().sorted().toList();
        int spent = scales.stream().mapToInt(s -> layout.tokenCount(Scale.of(s))).sum();
        assertThat(scales).hasSize(frames);
        assertThat(spent).isLessThanOrEqualTo(tokens);
        assertThat(kinds.size()).isLessThanOrEqualTo(2);
        int next = LADDER.scales().indexOf(Scale.of(kinds.get(0))) + 1;
        if (next < LADDER.scales().size()) {
            Scale finer = LADDER.scales().get(next);
            int step = layout.tokenCount(finer) - layout.tokenCount(Scale.of(kinds.get(0)));
            assertThat(tokens - spent).isLessThan(step);
            assertThat(kinds).allMatch(kind -> kind <= finer.tokens());
        }
    }

    @Test
    void tooSmallABudgetSaysWhatItWouldTake() {
        assertThatThrownBy(() -> share(41, 6, TILED))
                .isInstanceOf(M3Exception.class)
                .hasMessage(
                        "budget of 41 tokens: expected at least 42, what 6 frames take at the coarsest"
                                + " scale; take fewer frames or more tokens");
        assertThatThrownBy(() -> new TokenBudget(0)).hasMessageContaining("found 0");
        assertThatThrownBy(() -> share(5, 0, WHOLE)).hasMessageContaining("at least one frame");
    }
}
