package io.m3j.llm.tokenizer;

import io.m3j.llm.tokenizer.SentencePieceModel.Piece;
import io.m3j.llm.tokenizer.SentencePieceModel.Type;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Byte-pair encoding as SentencePiece does it (bpe_model.cc): the text starts as single characters;
 * again and again, the neighbouring pair whose union is the piece of the highest score is merged,
 * the leftmost first among equals. A queue of candidate pairs over a linked list of symbols makes
 * it O(n log n).
 */
final class BytePairEncoder {

    private final List<Piece> pieces;
    private final Map<String, Integer> mergeable = new HashMap<>();
    private final Map<String, Integer> reserved = new HashMap<>();
    private final PrefixMatcher userDefined;
    private final int[] byteIds = new int[256];
    private final int unknownId;
    private final int longestPiece;

    BytePairEncoder(SentencePieceModel model) {
        pieces = model.pieces();
        List<String> symbols = new ArrayList<>();
        int unknown = -1;
        int longest = 0;
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            longest = Math.max(longest, piece.text().length());
            switch (piece.type()) {
                case NORMAL, UNUSED -> mergeable.put(piece.text(), id);
                case USER_DEFINED -> {
                    mergeable.put(piece.text(), id);
                    symbols.add(piece.text());
                }
                case CONTROL -> reserved.put(piece.text(), id);
                case BYTE -> {
                    reserved.put(piece.text(), id);
                    byteIds[piece.byteValue()] = id;
                }
                case UNKNOWN -> {
                    reserved.put(piece.text(), id);
                    unknown = id;
                }
            }
        }
        userDefined = new PrefixMatcher(symbols);
        unknownId = unknown;
        longestPiece = longest;
    }

    /** The id of a piece; the unknown one's where there is no such piece. */
    int idOf(String piece) {
        Integer id = reserved.get(piece);
        return id != null ? id : mergeable.getOrDefault(piece, unknownId);
    }

    /** The id of the piece that stands for a byte, in a model that has byte fallback. */
    int idOf(byte value) {
        return byteIds[value & 0xFF];
    }

    int unknownId() {
        return unknownId;
    }

    PrefixMatcher userDefined() {
        return userDefined;
    }

    /** The pieces that a prepared text falls into, in order; some of them may be unknown. */
    List<String> pieces(String text) {
        Merging merging = new Merging(text);
        merging.run();
        List<String> result = new ArrayList<>();
        for (int i = 0; i != Merging.NONE && i < merging.count; i = merging.next[i]) {
            resegment(text.substring(merging.start[i], merging.end[i]), merging.splits, result);
        }
        return result;
    }

    /** A piece that may only serve to build others is taken apart again. */
    private void resegment(String whole, Map<String, Integer> splits, List<String> result) {
        Deque<String> rest = new ArrayDeque<>();
        rest.push(whole);
        while (!rest.isEmpty()) {
            String piece = rest.pop();
            boolean unused = pieces.get(idOf(piece)).type() == Type.UNUSED;
            Integer split = unused ? splits.get(piece) : null;
            if (split == null) {
                result.add(piece);
            } else {
                rest.push(piece.substring(split));
                rest.push(piece.substring(0, split));
            }
        }
    }

    private record Candidate(int left, int right, float score, int length)
            implements Comparable<Candidate> {

        @Override
        public int compareTo(Candidate other) {
            int byScore = Float.compare(other.score, score);
            return byScore != 0 ? byScore : Integer.compare(left, other.left);
        }
    }

    /** One text on its way: symbol {@code i} is {@code text[start[i], end[i])}, empty once merged. */
    private final class Merging {

        static final int NONE = -1;

        final String text;
        final int[] start;
        final int[] end;
        final int[] previous;
        final int[] next;
        final boolean[] frozen;
        final Map<String, Integer> splits = new HashMap<>();
        final PriorityQueue<Candidate> candidates = new PriorityQueue<>();
        int count;

        Merging(String text) {
            this.text = text;
            start = new int[text.length()];
            end = new int[text.length()];
            previous = new int[text.length()];
            next = new int[text.length()];
            frozen = new boolean[text.length()];
            for (int place = 0; place < text.length(); place = end[count++]) {
                int length = userDefined.match(text, place);
                frozen[count] = length > 0;
                start[count] = place;
                end[count] = length > 0 ? place + length : text.offsetByCodePoints(place, 1);
                previous[count] = count - 1;
                next[count] = count + 1;
            }
            if (count > 0) {
                next[count - 1] = NONE;
            }
        }

        void run() {
            for (int i = 1; i < count; i++) {
                propose(i - 1, i);
            }
            for (Candidate best = candidates.poll(); best != null; best = candidates.poll()) {
                int left = best.left;
                int right = best.right;
                boolean stale =
                        start[left] == end[left]
                                || start[right] == end[right]
                                || end[right] - start[left] != best.length;
                if (stale) {
                    continue;
                }
                end[left] = end[right];
                start[right] = end[right];
                next[left] = next[right];
                if (next[right] != NONE) {
                    previous[next[right]] = left;
                }
                propose(previous[left], left);
                propose(left, next[left]);
            }
        }

        private void propose(int left, int right) {
            if (left == NONE || right == NONE || frozen[left] || frozen[right]) {
                return;
            }
            int length = end[right] - start[left];
            if (length > longestPiece) {
                return;
            }
            String union = text.substring(start[left], end[right]);
            Integer id = mergeable.get(union);
            if (id == null) {
                return;
            }
            candidates.add(new Candidate(left, right, pieces.get(id).score(), length));
            if (pieces.get(id).type() == Type.UNUSED) {
                splits.put(union, end[left] - start[left]);
            }
        }
    }
}
