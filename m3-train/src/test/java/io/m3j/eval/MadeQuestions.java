package io.m3j.eval;

import io.m3j.vision.M3Image;
import java.util.List;
import java.util.stream.IntStream;

/** Questions of a test: what stands where, in pictures of two pixels. */
final class MadeQuestions {

    private MadeQuestions() {}

    /** Questions of two categories, three a picture; each right answer has the question's number. */
    static List<Question> of(int count) {
        return IntStream.range(0, count).mapToObj(MadeQuestions::question).toList();
    }

    private static Question question(int number) {
        byte[] rgb = {(byte) number, 0, 0, 0, 0, (byte) number};
        return new Question(
                "q" + number,
                "p" + number / 3,
                () -> M3Image.ofRgb(2, 1, rgb),
                "What is number " + number + "?",
                number % 2 == 0 ? "even" : "odd",
                "answer " + number);
    }
}
