package io.m3j.train.synthetic;

import java.util.List;

/** What the background shows. */
enum Place implements Named {
    MEADOW,
    BEACH,
    DESERT,
    GLACIER,
    SEA,
    CITY,
    FOREST,
    ROOM;

    static final List<Place> ALL = List.of(values());
}
