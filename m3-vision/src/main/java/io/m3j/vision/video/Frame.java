package io.m3j.vision.video;

import static io.m3j.core.Arguments.required;

import io.m3j.core.M3Exception;
import io.m3j.vision.M3Image;
import java.time.Duration;

/**
 * One picture of a video.
 *
 * @param time from the video's beginning to when it is first shown
 * @param picture what is shown
 */
public record Frame(Duration time, M3Image picture) {

    /** Checks that there are both. */
    public Frame {
        required(picture, "picture");
        if (required(time, "time").isNegative()) {
            throw new M3Exception("frame: expected a time of 0 or later, found " + time);
        }
    }
}
