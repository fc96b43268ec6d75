package io.m3j.train.synthetic;

import java.util.List;

/** The words that signs, labels and screens may say, and the names of small numbers. */
final class Words {

    /** How many words there are. */
    static final int COUNT = 48;

    static final List<String> READABLE =
            List.of(
                    "milk", "bread", "tea", "jam", "salt", "rice", "soup", "pizza", "ice", "hot",
                    "cold", "fresh", "open", "shut", "stop", "exit", "taxi", "bus", "tram", "train",
                    "park", "zoo", "shop", "sale", "free", "new", "bank", "bar", "cafe", "hotel",
                    "gym", "pool", "book", "news", "post", "mail", "gate", "home", "north", "south",
                    "east", "west", "slow", "fast", "push", "pull", "wait", "gold");

    static final List<String> NUMBERS = List.of("zero", "one", "two", "three", "four", "five");

    private Words() {}
}
