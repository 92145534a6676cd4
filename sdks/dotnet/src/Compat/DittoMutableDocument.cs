// Documents in a function that changes them, and what was changed, by the vendor's names.

using System.Collections.Generic;
using System.Linq;
using Headwater;

namespace DittoSDK
{
    /// <summary>A document in a function that changes it: `document["age"].Set(32)`. Reading gives what it was before.
    /// </summary>
    public sealed class DittoMutableDocument
    {
        internal DittoMutableDocument(Dictionary<string, object> value)
        {
            Value = value;
        }

        /// <summary>Its id.</summary>
        public DittoDocumentId Id => new DittoDocumentId(Value["_id"]);

        /// <summary>Its fields as they were, with its `_id`.</summary>
        public Dictionary<string, object> Value { get; }

        internal List<Change> Changes { get; } = new List<Change>();

        /// <summary>A place in it.</summary>
        public DittoMutableDocumentPath this[string path] => At(path);

        /// <summary>A place in it.</summary>
        public DittoMutableDocumentPath At(string path)
        {
            return new DittoMutableDocumentPath(this, path);
        }
    }

    /// <summary>A place in a document that may be changed.</summary>
    public sealed class DittoMutableDocumentPath : DittoDocumentPath
    {
        private readonly DittoMutableDocument document;

        internal DittoMutableDocumentPath(DittoMutableDocument document, string path) : base(document.Value, path)
        {
            this.document = document;
        }

        /// <summary>The counter there.</summary>
        public new DittoMutableCounter Counter => new DittoMutableCounter(this);

        /// <summary>The register there.</summary>
        public new DittoMutableRegister Register => new DittoMutableRegister(this);

        /// <summary>A field of what stands here.</summary>
        public new DittoMutableDocumentPath this[string name] => At(name);

        /// <summary>An element of what stands here.</summary>
        public new DittoMutableDocumentPath this[int index] => At(index);

        /// <summary>A field of what stands here.</summary>
        public DittoMutableDocumentPath At(string name)
        {
            return new DittoMutableDocumentPath(document, Paths.Join(Path, name));
        }

        /// <summary>An element of what stands here.</summary>
        public DittoMutableDocumentPath At(int index)
        {
            return new DittoMutableDocumentPath(document, Paths.Join(Path, index));
        }

        /// <summary>Replaces what stands there.</summary>
        public void Set(object value)
        {
            document.Changes.Add(Change.Set(Path, value));
            if (value is DittoCounter)
            {
                Increment(0);
            }
        }

        /// <summary>Takes away what stands there.</summary>
        public void Remove()
        {
            document.Changes.Add(Change.Unset(Path));
        }

        /// <summary>Adds to the counter there.</summary>
        public void Increment(double by)
        {
            var amount = Numbers.Shortest(by);
            document.Changes.Add(amount is long exact ? Change.Increment(Path, exact) : Change.Increment(Path, by));
        }

        /// <summary>Makes a counter of the number there, or one that begins with 0.</summary>
        public void ReplaceWithCounter()
        {
            Increment(0);
        }
    }

    /// <summary>A counter that may be changed.</summary>
    public sealed class DittoMutableCounter
    {
        private readonly DittoMutableDocumentPath path;

        internal DittoMutableCounter(DittoMutableDocumentPath path)
        {
            this.path = path;
        }

        /// <summary>What it was.</summary>
        public double Value => path.DoubleValue;

        /// <summary>Adds to it.</summary>
        public void Increment(double by)
        {
            path.Increment(by);
        }
    }

    /// <summary>A register that may be changed.</summary>
    public sealed class DittoMutableRegister
    {
        private readonly DittoMutableDocumentPath path;

        internal DittoMutableRegister(DittoMutableDocumentPath path)
        {
            this.path = path;
        }

        /// <summary>What it was.</summary>
        public object Value => path.Value;

        /// <summary>Replaces it.</summary>
        public void Set(object value)
        {
            path.Set(value);
        }
    }

    /// <summary>A change that was made.</summary>
    public sealed class DittoUpdateResult
    {
        internal DittoUpdateResult(DittoDocumentId docId, Change change)
        {
            DocId = docId;
            Path = change.Path;
            Type = change.Kind == "increment" ? "incremented" : change.Kind == "unset" ? "removed" : change.Kind;
            Value = change.Kind == "set" ? change.Value : null;
            Amount = change.Kind == "increment" ? change.Value : null;
        }

        /// <summary>set, incremented or removed.</summary>
        public string Type { get; }

        /// <summary>The document.</summary>
        public DittoDocumentId DocId { get; }

        /// <summary>Where.</summary>
        public string Path { get; }

        /// <summary>What was set.</summary>
        public object Value { get; }

        /// <summary>By how much it was incremented.</summary>
        public object Amount { get; }

        internal static List<DittoUpdateResult> Of(DittoMutableDocument document)
        {
            return document.Changes.Select(it => new DittoUpdateResult(document.Id, it)).ToList();
        }
    }
}
