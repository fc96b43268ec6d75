package io.m3j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.m3j.core.M3Exception;
import io.m3j.core.golden.Golden;
import io.m3j.train.Schedule.Kind;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class ScheduleTest {

    private static final Pattern NAME = Pattern.compile("warmup(\\d+)_total(\\d+)");

    @Test
    void theCosineIsThatOfTheReference() {
        JsonNode all = Golden.json("golden/train.json").get("cosine_schedule_factor");
        assertThat(all.size()).isPositive();
        all.properties()
                .forEach(
                        entry -> {
                            Matcher name = NAME.matcher(entry.getKey());
                            assertThat(name.matches()).isTrue();
                            int warmUp = Integer.parseInt(name.group(1));
                            int total = Integer.parseInt(name.group(2));
                            Schedule schedule = new Schedule(Kind.COSINE, warmUp, 0);
                            for (int step = 0; step < entry.getValue().size(); step++) {
                                assertThat(schedule.factor(step, total))
                                        .as(entry.getKey() + " at " + step)
                                        .isCloseTo(
                                                entry.getValue().get(step).asDouble(),
                                                within(1e-12));
                            }
                        });
    }

    @Test
    void aLineFallsFromTheWarmUpToZero() {
        Schedule schedule = new Schedule(Kind.LINEAR, 2, 0);
        assertThat(schedule.factor(1, 10)).isEqualTo(0.5);
        assertThat(schedule.factor(2, 10)).isEqualTo(1);
        assertThat(schedule.factor(6, 10)).isEqualTo(0.5);
        assertThat(schedule.factor(10, 10)).isZero();
    }

    @Test
    void aConstantStaysBehindTheWarmUp() {
        Schedule schedule = new Schedule(Kind.CONSTANT, 4, 0);
        assertThat(schedule.factor(1, 10)).isEqualTo(0.25);
        assertThat(schedule.factor(9, 10)).isEqualTo(1);
    }

    @Test
    void aConstantMayFallInItsLastPart() {
        Schedule schedule = new Schedule(Kind.CONSTANT, 2, 0, 0.35);
        assertThat(schedule.factor(1, 10)).isEqualTo(0.5);
        assertThat(schedule.factor(6, 10)).isEqualTo(1);
        assertThat(schedule.factor(7, 10)).isEqualTo(0.75);
        assertThat(schedule.factor(9, 10)).isEqualTo(0.25);
    }

    @Test
    void onlyAConstantDecaysAtTheEnd() {
        assertThatThrownBy(() -> new Schedule(Kind.COSINE, 2, 0, 0.1))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("decay_ratio: expected nothing");
    }

    /** As Hugging Face's trainer: 3 % of 40 steps are 2 steps. */
    @Test
    void aRatioOfStepsIsRoundedUp() {
        Schedule schedule = new Schedule(Kind.CONSTANT, 0, 0.03);
        assertThat(schedule.factor(1, 40)).isEqualTo(0.5);
        assertThat(schedule.factor(2, 40)).isEqualTo(1);
    }

    @Test
    void stepsAndRatioTogetherAreRefused() {
        assertThatThrownBy(() -> new Schedule(Kind.COSINE, 2, 0.1))
                .isInstanceOf(M3Exception.class)
                .hasMessageContaining("warm_up_steps")
                .hasMessageContaining("both");
    }
}
