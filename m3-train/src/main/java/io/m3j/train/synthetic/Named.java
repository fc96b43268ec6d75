package io.m3j.train.synthetic;

import java.util.Locale;

/** A constant with a name in questions and answers. */
interface Named {

    String name();

    default String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
