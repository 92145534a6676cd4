// Documents and their ids, by the vendor's names.
//
// Not here: attachments; documents in a function that changes them (DittoMutableDocument.cs).

using System;
using System.Collections.Generic;
using System.Globalization;
using Headwater;

namespace DittoSDK
{
    /// <summary>The id of a document: any JSON but null, a string most of the time.</summary>
    public sealed class DittoDocumentId : IPlain, IEquatable<DittoDocumentId>
    {
        /// <summary>The id that is this value.</summary>
        public DittoDocumentId(object value)
        {
            Value = value is DittoDocumentId id ? id.Value : value;
        }

        /// <summary>The value.</summary>
        public object Value { get; }

        /// <summary>The value, if it is a string.</summary>
        public string StringValue => Value as string;

        object IPlain.Plain => Value;

        /// <summary>As a query takes it.</summary>
        public string ToQueryCompatibleString()
        {
            return Json.Of(Value);
        }

        /// <summary>A string is itself, everything else is JSON.</summary>
        public override string ToString()
        {
            return Value as string ?? ToQueryCompatibleString();
        }

        /// <summary>Whether another is the same.</summary>
        public bool Equals(DittoDocumentId other)
        {
            return other != null && ToQueryCompatibleString() == other.ToQueryCompatibleString();
        }

        /// <summary>Whether another is the same.</summary>
        public override bool Equals(object other)
        {
            return Equals(other as DittoDocumentId);
        }

        /// <summary>A hash of the value.</summary>
        public override int GetHashCode()
        {
            return ToQueryCompatibleString().GetHashCode();
        }
    }

    /// <summary>A number to which several peers add. In an upsert or a Set it makes a counter that begins with Value.</summary>
    public sealed class DittoCounter : IPlain
    {
        /// <summary>A counter that begins with a value.</summary>
        public DittoCounter(double value = 0)
        {
            Value = value;
        }

        /// <summary>The number.</summary>
        public double Value { get; }

        object IPlain.Plain => Numbers.Shortest(Value);
    }

    /// <summary>A value that is replaced as a whole. In an upsert it says so of an object.</summary>
    public sealed class DittoRegister : IPlain
    {
        /// <summary>A register that holds a value.</summary>
        public DittoRegister(object value)
        {
            Value = value;
        }

        /// <summary>The value.</summary>
        public object Value { get; }

        object IPlain.Plain => Value;
    }

    internal static class Numbers
    {
        private const double ExactMax = 9007199254740992;

        /// <summary>An integer, if the number is one that a double has exactly.</summary>
        internal static object Shortest(double number)
        {
            return number == Math.Floor(number) && Math.Abs(number) <= ExactMax ? (object)(long)number : number;
        }
    }

    /// <summary>A document that was found.</summary>
    public sealed class DittoDocument
    {
        internal DittoDocument(Dictionary<string, object> value)
        {
            Value = value;
        }

        /// <summary>Its id.</summary>
        public DittoDocumentId Id => new DittoDocumentId(Value["_id"]);

        /// <summary>Its fields, with its `_id`.</summary>
        public Dictionary<string, object> Value { get; }

        /// <summary>A place in it.</summary>
        public DittoDocumentPath this[string path] => new DittoDocumentPath(Value, path);
    }

    /// <summary>A place in a document.</summary>
    public class DittoDocumentPath
    {
        private readonly object document;

        internal DittoDocumentPath(object document, string path)
        {
            this.document = document;
            Path = path;
        }

        /// <summary>What stands there, or null.</summary>
        public object Value => Paths.TryLookUp(document, Path, out var value) ? value : null;

        /// <summary>The text there, or an empty one.</summary>
        public string StringValue => String ?? "";

        /// <summary>The text there, or null.</summary>
        public string String => Value as string;

        /// <summary>The truth there, or false.</summary>
        public bool BooleanValue => Value is bool truth && truth;

        /// <summary>The number there as an int, or 0 if there is none, or one that is too large.</summary>
        public int IntValue => Number is double it && it >= int.MinValue && it <= int.MaxValue ? (int)it : 0;

        /// <summary>The integer there, or 0.</summary>
        public long LongValue => Value is long exact ? exact : Number is double it && Math.Abs(it) < long.MaxValue ? (long)it : 0;

        /// <summary>The number there as a uint, or 0 if there is none, or one that does not fit.</summary>
        public uint UIntValue => Number is double it && it >= 0 && it <= uint.MaxValue ? (uint)it : 0;

        /// <summary>The number there, or 0.</summary>
        public double DoubleValue => Number ?? 0;

        /// <summary>The number there, or 0.</summary>
        public float FloatValue => (float)DoubleValue;

        /// <summary>The list there, or an empty one.</summary>
        public List<object> ListValue => Value as List<object> ?? new List<object>();

        /// <summary>The fields there, or none.</summary>
        public Dictionary<string, object> DictionaryValue =>
            Value as Dictionary<string, object> ?? new Dictionary<string, object>();

        /// <summary>The counter there, if it is a number.</summary>
        public DittoCounter Counter => Number is double it ? new DittoCounter(it) : null;

        /// <summary>The register there, if something is.</summary>
        public DittoRegister Register => Value == null ? null : new DittoRegister(Value);

        /// <summary>Where it is.</summary>
        protected string Path { get; }

        private double? Number
        {
            get
            {
                var value = Value;
                var isNumber = value is long || value is double || value is ulong;
                return isNumber ? Convert.ToDouble(value, CultureInfo.InvariantCulture) : (double?)null;
            }
        }

        /// <summary>A field of what stands here.</summary>
        public DittoDocumentPath this[string name] => new DittoDocumentPath(document, Paths.Join(Path, name));

        /// <summary>An element of what stands here.</summary>
        public DittoDocumentPath this[int index] => new DittoDocumentPath(document, Paths.Join(Path, index));
    }
}
