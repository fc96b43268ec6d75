package io.m3j.train;

import io.m3j.core.M3Exception;
import io.m3j.core.Scale;
import io.m3j.train.data.Example;
import java.util.List;

/** A loss that is no number: the step must not be taken. */
public final class NonFiniteLossException extends M3Exception {

    private static final long serialVersionUID = 1;

    NonFiniteLossException(Scale scale, double value, List<Example> examples) {
        this("loss at scale " + scale, value, examples);
    }

    NonFiniteLossException(String what, double value, List<Example> examples) {
        super(
                what
                        + ": expected a number, found "
                        + value
                        + " for examples "
                        + examples.stream().map(Example::id).toList()
                        + "; try a lower learning rate, clip the gradients, or look at these"
                        + " examples");
    }
}
