// Changes of fields.
//
// Not here: what becomes of changes of several peers (docs/guides/small-peers.md).

using System.Collections.Generic;

namespace Headwater
{
    /// <summary>A change of a field.</summary>
    public sealed class Change
    {
        private Change(string path, string kind, object value)
        {
            Path = path;
            Kind = kind;
            Value = value;
        }

        /// <summary>Where.</summary>
        public string Path { get; }

        /// <summary>set, increment or unset.</summary>
        public string Kind { get; }

        /// <summary>What is set, or by how much it is incremented.</summary>
        public object Value { get; }

        /// <summary>Replaces what stands at a path.</summary>
        public static Change Set(string path, object value)
        {
            return new Change(path, "set", value);
        }

        /// <summary>Adds to the counter at a path: increments of several peers all count.</summary>
        public static Change Increment(string path, long by)
        {
            return new Change(path, "increment", by);
        }

        /// <summary>The same with a float.</summary>
        public static Change Increment(string path, double by)
        {
            return new Change(path, "increment", by);
        }

        /// <summary>Takes away what stands at a path.</summary>
        public static Change Unset(string path)
        {
            return new Change(path, "unset", true);
        }

        internal static List<object> Messages(IEnumerable<Change> changes)
        {
            var messages = new List<object>();
            foreach (var change in changes)
            {
                messages.Add(new Dictionary<string, object> { { "path", change.Path }, { change.Kind, change.Value } });
            }
            return messages;
        }
    }

    /// <summary>A document in a function that changes it. Reading it gives what it was before.</summary>
    public sealed class MutableDocument
    {
        internal MutableDocument(Dictionary<string, object> value)
        {
            Value = value;
        }

        /// <summary>What it was before.</summary>
        public Dictionary<string, object> Value { get; }

        /// <summary>Its id.</summary>
        public object Id => Value["_id"];

        internal List<Change> Changes { get; } = new List<Change>();

        /// <summary>The field at a path, as in `address.city` or `tags[0]`.</summary>
        public MutableField At(string path)
        {
            return new MutableField(this, path);
        }
    }

    /// <summary>A place in a MutableDocument.</summary>
    public sealed class MutableField
    {
        private readonly MutableDocument document;
        private readonly string path;

        internal MutableField(MutableDocument document, string path)
        {
            this.document = document;
            this.path = path;
        }

        /// <summary>What stood there before, or null.</summary>
        public object Value => Paths.TryLookUp(document.Value, path, out var value) ? value : null;

        /// <summary>A field of what stands here.</summary>
        public MutableField At(string name)
        {
            return new MutableField(document, Paths.Join(path, name));
        }

        /// <summary>An element of what stands here.</summary>
        public MutableField At(int index)
        {
            return new MutableField(document, Paths.Join(path, index));
        }

        /// <summary>Replaces it.</summary>
        public void Set(object value)
        {
            document.Changes.Add(Change.Set(path, value));
        }

        /// <summary>Adds to it.</summary>
        public void Increment(long by)
        {
            document.Changes.Add(Change.Increment(path, by));
        }

        /// <summary>Adds to it.</summary>
        public void Increment(double by)
        {
            document.Changes.Add(Change.Increment(path, by));
        }

        /// <summary>Takes it away.</summary>
        public void Unset()
        {
            document.Changes.Add(Change.Unset(path));
        }
    }
}
