package com.headwater.internal;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is different between two results of one query.
 *
 * <p>Invariants: documents are told apart by their ids; places of deletions are in the older result, all others in the
 * newer one.
 */
public final class Difference {
    /** Places of new documents in the newer result. */
    public final List<Integer> insertions = new ArrayList<>();
    /** Places of documents in the older result that are not in the newer one. */
    public final List<Integer> deletions = new ArrayList<>();
    /** Places of documents in the newer result that were in the older one, and are others now. */
    public final List<Integer> updates = new ArrayList<>();
    /** From and to where documents moved, by where from. */
    public final List<int[]> moves = new ArrayList<>();

    private Difference() {
    }

    /** The difference; none if there was no result before. */
    public static Difference between(List<Map<String, Object>> before, List<Map<String, Object>> documents) {
        Difference difference = new Difference();
        if (before != null) {
            difference.find(before, documents);
        }
        return difference;
    }

    private void find(List<Map<String, Object>> before, List<Map<String, Object>> documents) {
        Map<Object, Integer> old = places(before);
        Map<Object, Integer> now = places(documents);
        now.forEach((id, place) -> {
            Integer from = old.get(id);
            if (from == null) {
                insertions.add(place);
                return;
            }
            if (!before.get(from).equals(documents.get(place))) {
                updates.add(place);
            }
            if (!from.equals(place)) {
                moves.add(new int[] {from, place});
            }
        });
        old.forEach((id, place) -> {
            if (!now.containsKey(id)) {
                deletions.add(place);
            }
        });
        moves.sort(Comparator.comparingInt(move -> move[0]));
    }

    private static Map<Object, Integer> places(List<Map<String, Object>> documents) {
        Map<Object, Integer> places = new LinkedHashMap<>();
        for (int place = 0; place < documents.size(); place++) {
            places.put(documents.get(place).get("_id"), place);
        }
        return places;
    }
}
