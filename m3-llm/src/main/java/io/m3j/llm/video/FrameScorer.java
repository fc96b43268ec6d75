package io.m3j.llm.video;

import io.m3j.core.Scale;
import io.m3j.vision.EncodedImage;
import java.util.List;

/**
 * Says how much frames matter to a question. Made for one search, in which it is asked again and again: about
 * the frames kept so far, those it knows, and those that came since. It may remember what it saw. For one
 * thread at a time.
 */
@FunctionalInterface
public interface FrameScorer {

    /**
     * @param frames of a video, in the order of their times; neither closed nor changed
     * @param scale at which they are looked at
     * @return a number for each, higher where it matters more; only compared with others of one scale
     */
    double[] score(List<EncodedImage> frames, Scale scale);
}
