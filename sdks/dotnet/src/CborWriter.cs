// Requests as CBOR (RFC 8949): what of C# can be in one.
//
// Invariants: what cannot be kept as it is (NaN, half of a surrogate pair, a type that is none of JSON's) is an
// `invalid_value`, never something else in silence; integers of 64 bits and floats stay what they are.
// Not here: which documents a peer takes.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Headwater
{
    /// <summary>What stands for a plain value in a request: an id or a counter of the vendor's, say.</summary>
    internal interface IPlain
    {
        /// <summary>The value.</summary>
        object Plain { get; }
    }

    /// <summary>Writes one request after the other into a buffer that grows.</summary>
    internal sealed class CborWriter
    {
        /// <summary>How deep a request may be: deeper than any document may.</summary>
        private const int DepthMax = 120;

        /// <summary>A buffer that is larger is not kept for the next request, in bytes.</summary>
        private const int KeptMax = 256 * 1024;

        /// <summary>Longer text is counted before it is written, in letters.</summary>
        private const int ShortMax = 128;

        private const byte Unsigned = 0x00, Negative = 0x20, Text = 0x60, List = 0x80, Map = 0xa0;
        private const byte False = 0xf4, True = 0xf5, Null = 0xf6, Float = 0xfb;

        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        [ThreadStatic]
        private static CborWriter kept;

        private byte[] buffer = new byte[1024];
        private int length;

        internal byte[] Buffer => buffer;

        internal int Length => length;

        /// <summary>The thread's writer, which nobody else has until it is given back.</summary>
        internal static CborWriter Take()
        {
            var writer = kept ?? new CborWriter();
            kept = null;
            writer.length = 0;
            return writer;
        }

        internal void GiveBack()
        {
            if (buffer.Length <= KeptMax)
            {
                kept = this;
            }
        }

        /// <exception cref="HeadwaterException">invalid_value</exception>
        internal void Write(Message request)
        {
            Head(Map, (ulong)request.Count);
            for (var n = 0; n < request.Count; n++)
            {
                var field = request[n];
                WriteText(field.Key);
                WriteValue(field.Value, field.Key, 1);
            }
        }

        /// <exception cref="HeadwaterException">invalid_value</exception>
        internal void WriteValue(object value, string key, int depth)
        {
            if (value == null)
            {
                Put(Null);
            }
            else if (value is string text)
            {
                WriteText(text);
            }
            else if (value is int small)
            {
                WriteInteger(small);
            }
            else if (value is long integer)
            {
                WriteInteger(integer);
            }
            else if (value is bool truth)
            {
                Put(truth ? True : False);
            }
            else if (value is IDictionary<string, object> map)
            {
                WriteMap(map, key, depth);
            }
            else if (!WriteNumber(value, key) && !WriteAsText(value))
            {
                WriteOther(value, key, depth);
            }
        }

        private bool WriteNumber(object value, string key)
        {
            if (value is Enum)
            {
                throw Invalid("a " + value.GetType() + " stands at " + key);
            }
            switch (Convert.GetTypeCode(value))
            {
                case TypeCode.SByte:
                case TypeCode.Byte:
                case TypeCode.Int16:
                case TypeCode.UInt16:
                case TypeCode.Int32:
                case TypeCode.UInt32:
                    WriteInteger(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                    return true;
                case TypeCode.UInt64:
                    Head(Unsigned, Convert.ToUInt64(value, CultureInfo.InvariantCulture));
                    return true;
                case TypeCode.Single:
                    WriteFloat((float)value, key);
                    return true;
                case TypeCode.Double:
                    WriteFloat((double)value, key);
                    return true;
                case TypeCode.Decimal:
                    WriteDecimal((decimal)value, key);
                    return true;
                default:
                    return false;
            }
        }

        /// <summary>Times are ISO 8601.</summary>
        private bool WriteAsText(object value)
        {
            var isTime = value is DateTime || value is DateTimeOffset;
            if (isTime || value is Guid || value is char)
            {
                var format = isTime ? "o" : null;
                WriteText(value is IFormattable it ? it.ToString(format, CultureInfo.InvariantCulture) : value.ToString());
                return true;
            }
            return false;
        }

        private void WriteOther(object value, string key, int depth)
        {
            if (value is IPlain plain)
            {
                WriteValue(plain.Plain, key, Deeper(depth));
            }
            else if (value is byte[])
            {
                throw Invalid("bytes stand at " + key);
            }
            else if (value is IDictionary map)
            {
                WriteOtherMap(map, key, depth);
            }
            else if (value is IEnumerable list)
            {
                WriteList(list, key, depth);
            }
            else
            {
                WriteAnonymous(value, key, depth);
            }
        }

        private void WriteMap(IDictionary<string, object> map, string key, int depth)
        {
            Deeper(depth);
            Head(Map, (ulong)map.Count);
            var count = 0;
            if (map is Dictionary<string, object> dictionary)
            {
                foreach (var field in dictionary)
                {
                    WriteText(field.Key);
                    WriteValue(field.Value, field.Key, depth + 1);
                }
                return;
            }
            foreach (var field in map)
            {
                WriteText(field.Key);
                WriteValue(field.Value, field.Key, depth + 1);
                count++;
            }
            CheckCount(count, map.Count, key);
        }

        private void WriteOtherMap(IDictionary map, string key, int depth)
        {
            Deeper(depth);
            Head(Map, (ulong)map.Count);
            var count = 0;
            foreach (DictionaryEntry field in map)
            {
                var name = field.Key as string ?? throw Invalid("a name of a field at " + key + " is no text");
                WriteText(name);
                WriteValue(field.Value, name, depth + 1);
                count++;
            }
            CheckCount(count, map.Count, key);
        }

        private static void CheckCount(int count, int expected, string key)
        {
            if (count != expected)
            {
                throw Invalid("the fields at " + key + " changed while they were read");
            }
        }

        private void WriteList(IEnumerable list, string key, int depth)
        {
            Deeper(depth);
            var elements = list as ICollection;
            if (elements == null)
            {
                elements = new List<object>();
                foreach (var element in list)
                {
                    ((List<object>)elements).Add(element);
                }
            }
            Head(List, (ulong)elements.Count);
            var count = 0;
            foreach (var element in elements)
            {
                WriteValue(element, key, depth + 1);
                count++;
            }
            CheckCount(count, elements.Count, key);
        }

        /// <summary>Objects of anonymous types are maps; those of others are none, whatever they have.</summary>
        private void WriteAnonymous(object value, string key, int depth)
        {
            var type = value.GetType();
            var isAnonymous = type.Name.IndexOf("Anon", StringComparison.Ordinal) >= 0
                && type.IsDefined(typeof(CompilerGeneratedAttribute), false);
            if (!isAnonymous)
            {
                throw Invalid("a " + type + " stands at " + key);
            }
            Deeper(depth);
            var properties = type.GetProperties(BindingFlags.Instance | BindingFlags.Public);
            Head(Map, (ulong)properties.Length);
            foreach (var property in properties)
            {
                WriteText(property.Name);
                WriteValue(property.GetValue(value, null), property.Name, depth + 1);
            }
        }

        private void WriteInteger(long number)
        {
            if (number < 0)
            {
                Head(Negative, (ulong)(-1 - number));
            }
            else
            {
                Head(Unsigned, (ulong)number);
            }
        }

        private void WriteFloat(double number, string key)
        {
            if (double.IsNaN(number) || double.IsInfinity(number))
            {
                throw Invalid(number.ToString(CultureInfo.InvariantCulture) + " at " + key + " is no number of JSON");
            }
            Reserve(9);
            buffer[length++] = Float;
            PutBytes((ulong)BitConverter.DoubleToInt64Bits(number), 8);
        }

        /// <summary>A decimal is the float that means the same, if there is one.</summary>
        private void WriteDecimal(decimal number, string key)
        {
            var close = (double)number;
            const double exactMax = 7.9e28; // beyond it a float may be no decimal
            if (Math.Abs(close) > exactMax || (decimal)close != number)
            {
                throw Invalid("the decimal at " + key + " would lose digits: make it a double or a text");
            }
            WriteFloat(close, key);
        }

        private void WriteText(string text)
        {
            if (text.Length > ShortMax || !TryWriteAscii(text))
            {
                WriteUnicode(text);
            }
        }

        /// <summary>Names of fields and most values: a letter is a byte. If one is not, nothing is written.</summary>
        private bool TryWriteAscii(string text)
        {
            var begin = length;
            Head(Text, (ulong)text.Length);
            Reserve(text.Length);
            var bytes = buffer;
            var at = length;
            foreach (var letter in text)
            {
                if (letter > '\x7f')
                {
                    length = begin;
                    return false;
                }
                bytes[at++] = (byte)letter;
            }
            length = at;
            return true;
        }

        private void WriteUnicode(string text)
        {
            try
            {
                var count = Utf8.GetByteCount(text);
                Head(Text, (ulong)count);
                Reserve(count);
                length += Utf8.GetBytes(text, 0, text.Length, buffer, length);
            }
            catch (EncoderFallbackException)
            {
                throw Invalid("text with half of a surrogate pair is no Unicode");
            }
        }

        /// <summary>The kind of what follows, and its number or length.</summary>
        private void Head(byte kind, ulong number)
        {
            Reserve(9);
            if (number < 24)
            {
                buffer[length++] = (byte)(kind | (byte)number);
                return;
            }
            var size = number <= byte.MaxValue ? 1 : number <= ushort.MaxValue ? 2 : number <= uint.MaxValue ? 4 : 8;
            buffer[length++] = (byte)(kind | (size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27));
            PutBytes(number, size);
        }

        private void PutBytes(ulong number, int size)
        {
            for (var shift = 8 * (size - 1); shift >= 0; shift -= 8)
            {
                buffer[length++] = (byte)(number >> shift);
            }
        }

        private void Put(byte one)
        {
            Reserve(1);
            buffer[length++] = one;
        }

        private void Reserve(int more)
        {
            var needed = checked(length + more);
            if (needed > buffer.Length)
            {
                var larger = new byte[Math.Max(needed, (int)Math.Min(2L * buffer.Length, 0x7fff0000))];
                System.Buffer.BlockCopy(buffer, 0, larger, 0, length);
                buffer = larger;
            }
        }

        private static int Deeper(int depth)
        {
            return depth < DepthMax ? depth + 1 : throw Invalid("it is too deep, or holds itself");
        }

        private static HeadwaterException Invalid(string why)
        {
            return new HeadwaterException(Codes.InvalidValue, "cannot take the value: " + why);
        }
    }
}
