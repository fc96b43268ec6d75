package io.m3j.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class LadderTest {

    @Example
    void clipsGridHasTheScalesOfThePaper() {
        assertThat(Ladder.ofGrid(24).scales())
                .extracting(Scale::tokens)
                .containsExactly(1, 9, 36, 144, 576);
    }

    @Property
    void everySideDividesTheNextAndTheLastIsTheGrid(@ForAll @IntRange(min = 1, max = 64) int side) {
        Ladder ladder = Ladder.ofGrid(side);
        assertThat(ladder.coarsest()).isEqualTo(Scale.of(1));
        assertThat(ladder.finest()).isEqualTo(Scale.of(side * side));
        assertThat(ladder.gridSide()).isEqualTo(side);
        List<Scale> scales = ladder.scales();
        for (int i = 1; i < scales.size(); i++) {
            int coarse = scales.get(i - 1).side();
            int fine = scales.get(i).side();
            assertThat(fine % coarse).isZero();
            assertThat(isPrime(fine / coarse)).as("%d / %d", fine, coarse).isTrue();
            assertThat(ladder.cell(scales.get(i)) * fine).isEqualTo(side);
        }
    }

    @Property(tries = 200)
    void onlyItsOwnScalesAreFound(
            @ForAll @IntRange(min = 1, max = 64) int side,
            @ForAll @IntRange(min = 1, max = 64) int other) {
        Ladder ladder = Ladder.ofGrid(side);
        Scale scale = Scale.of(other * other);
        if (ladder.contains(scale)) {
            assertThat(ladder.require(scale)).isEqualTo(scale);
        } else {
            assertThatThrownBy(() -> ladder.require(scale))
                    .isInstanceOf(M3Exception.class)
                    .hasMessageContaining("scale " + scale)
                    .hasMessageContaining(ladder.finest().toString());
            assertThatThrownBy(() -> ladder.cell(scale)).isInstanceOf(M3Exception.class);
        }
    }

    @Example
    void chosenScalesAreOrderedAndCompletedByTheGrid() {
        assertThat(Ladder.of(24, List.of(144, 1, 144)).scales())
                .extracting(Scale::tokens)
                .containsExactly(1, 144, 576);
        assertThat(Ladder.of(24, List.of()).scales()).containsExactly(Scale.of(576));
        assertThat(Ladder.of(24, List.of(576)).scales()).containsExactly(Scale.of(576));
    }

    @Example
    void scalesThatDoNotNestAreRefused() {
        assertRefused(() -> Ladder.of(24, List.of(4, 9)), "2 (scale 4) does not divide 3");
        assertRefused(() -> Ladder.of(24, List.of(25)), "5 (scale 25) does not divide 24");
        assertRefused(() -> Ladder.of(24, List.of(1, 2304)), "finer than the 24×24 grid");
        assertRefused(() -> Ladder.of(24, List.of(2)), "scale 2");
        assertRefused(() -> new Ladder(List.of()), "no scale");
        assertRefused(
                () -> new Ladder(List.of(Scale.of(9), Scale.of(1))), "3 (scale 9) does not divide");
        assertRefused(
                () -> new Ladder(List.of(Scale.of(9), Scale.of(9))), "3 (scale 9) does not divide");
    }

    @Property
    void gridsThatAreNoneAreRefused(@ForAll int side) {
        if (side < 1 || side > 46_340) {
            assertRefused(() -> Ladder.ofGrid(side), "grid side " + side);
            assertThatThrownBy(() -> Ladder.of(side, List.of(1))).isInstanceOf(M3Exception.class);
        } else {
            assertThat(Ladder.ofGrid(side).gridSide()).isEqualTo(side);
        }
    }

    @Example
    void numbersThatAreNoSquaresAreNoScales() {
        for (int tokens :
                new int[] {0, -1, -4, 2, 255, 577, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            assertRefused(() -> Scale.of(tokens), "scale " + tokens);
        }
    }

    @Property
    void aScaleIsTheSquareOfItsSide(@ForAll @IntRange(min = 1, max = 46_340) int side) {
        Scale scale = Scale.of(side * side);
        assertThat(scale.side()).isEqualTo(side);
        assertThat(scale).hasToString(Integer.toString(side * side));
        if (side > 1) {
            assertRefused(() -> Scale.of(side * side - 1), "square");
        }
    }

    private static void assertRefused(Runnable call, String message) {
        assertThatThrownBy(call::run).isInstanceOf(M3Exception.class).hasMessageContaining(message);
    }

    private static boolean isPrime(int number) {
        for (int factor = 2; factor * factor <= number; factor++) {
            if (number % factor == 0) {
                return false;
            }
        }
        return number > 1;
    }
}
