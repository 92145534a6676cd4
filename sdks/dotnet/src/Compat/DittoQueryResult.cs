// What a statement came to, by the vendor's names.

using System;
using System.Collections.Generic;
using System.Linq;
using Headwater;

namespace DittoSDK
{
    /// <summary>What a statement came to.</summary>
    public sealed class DittoQueryResult : IDisposable
    {
        internal DittoQueryResult(List<Dictionary<string, object>> items, List<object> mutated)
        {
            Items = items.Select(it => new DittoQueryResultItem(it)).ToList();
            MutatedDocumentIds = mutated.Select(it => new DittoDocumentId(it)).ToList();
        }

        /// <summary>The rows.</summary>
        public List<DittoQueryResultItem> Items { get; }

        /// <summary>The documents that were written or evicted.</summary>
        public List<DittoDocumentId> MutatedDocumentIds { get; }

        /// <summary>Nothing: it is memory alone.</summary>
        public void Dispose()
        {
        }
    }

    /// <summary>A row. It is always in memory.</summary>
    public sealed class DittoQueryResultItem : IDisposable
    {
        internal DittoQueryResultItem(Dictionary<string, object> value)
        {
            Value = value;
        }

        /// <summary>Its fields.</summary>
        public Dictionary<string, object> Value { get; }

        /// <summary>Whether it is in memory.</summary>
        public bool IsMaterialized => true;

        /// <summary>Nothing: it is in memory.</summary>
        public void Materialize()
        {
        }

        /// <summary>Nothing: it stays in memory.</summary>
        public void Dematerialize()
        {
        }

        /// <summary>As JSON.</summary>
        public string JsonString()
        {
            return Json.Of(Value);
        }

        /// <summary>Nothing: it is memory alone.</summary>
        public void Dispose()
        {
        }
    }
}
