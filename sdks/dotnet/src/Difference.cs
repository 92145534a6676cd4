// What is different between two results of one query.
//
// Invariants: documents are told apart by their ids; places of deletions are in the older result, all others in the
// newer one.

using System.Collections;
using System.Collections.Generic;
using System.Linq;

namespace Headwater
{
    /// <summary>From and to where a document moved.</summary>
    public struct Move
    {
        internal Move(int from, int to)
        {
            From = from;
            To = to;
        }

        /// <summary>Its place in the result before.</summary>
        public int From { get; }

        /// <summary>Its place in this result.</summary>
        public int To { get; }
    }

    /// <summary>What is different from the result before.</summary>
    public sealed class LocalEvent
    {
        private static readonly List<Dictionary<string, object>> Nothing = new List<Dictionary<string, object>>();

        private LocalEvent(List<Dictionary<string, object>> before)
        {
            IsInitial = before == null;
            OldDocuments = before ?? Nothing;
        }

        /// <summary>Whether this is the first result: everything is new then, and nothing is named below.</summary>
        public bool IsInitial { get; }

        /// <summary>The documents of the result before.</summary>
        public IReadOnlyList<Dictionary<string, object>> OldDocuments { get; }

        /// <summary>Places of new documents in this result.</summary>
        public List<int> Insertions { get; } = new List<int>();

        /// <summary>Places of documents in the result before that are not in this one.</summary>
        public List<int> Deletions { get; } = new List<int>();

        /// <summary>Places of documents in this result that were in the one before, and are others now.</summary>
        public List<int> Updates { get; } = new List<int>();

        /// <summary>From and to where documents moved.</summary>
        public List<Move> Moves { get; } = new List<Move>();

        internal static LocalEvent Between(List<Dictionary<string, object>> before, List<Dictionary<string, object>> now)
        {
            var change = new LocalEvent(before);
            if (before == null)
            {
                return change;
            }
            var old = Places(before);
            for (var place = 0; place < now.Count; place++)
            {
                var id = Json.Of(now[place]["_id"]);
                if (!old.TryGetValue(id, out var from))
                {
                    change.Insertions.Add(place);
                    continue;
                }
                old.Remove(id);
                if (!IsSame(before[from], now[place]))
                {
                    change.Updates.Add(place);
                }
                if (from != place)
                {
                    change.Moves.Add(new Move(from, place));
                }
            }
            change.Deletions.AddRange(old.Values.OrderBy(place => place));
            change.Moves.Sort((one, other) => one.From.CompareTo(other.From));
            return change;
        }

        private static Dictionary<string, int> Places(List<Dictionary<string, object>> documents)
        {
            var places = new Dictionary<string, int>(documents.Count);
            for (var place = 0; place < documents.Count; place++)
            {
                places[Json.Of(documents[place]["_id"])] = place;
            }
            return places;
        }

        private static bool IsSame(object one, object other)
        {
            if (one is Dictionary<string, object> map && other is Dictionary<string, object> otherMap)
            {
                return map.Count == otherMap.Count
                    && map.All(field => otherMap.TryGetValue(field.Key, out var it) && IsSame(field.Value, it));
            }
            if (one is List<object> list && other is List<object> otherList)
            {
                return list.Count == otherList.Count && !list.Where((it, n) => !IsSame(it, otherList[n])).Any();
            }
            return Equals(one, other);
        }
    }
}
