// Answers and events from CBOR (RFC 8949): Dictionary<string, object>, List<object>, string, long, double, bool, null.
//
// Invariants: an integer that a long cannot hold is a ulong; bytes that are no answer of the library are
// `invalid_message`, wherever they end, and never a read beyond them.

using System;
using System.Collections.Generic;
using System.Text;

namespace Headwater
{
    internal unsafe struct CborReader
    {
        /// <summary>How deep an answer may be.</summary>
        private const int DepthMax = 160;

        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        /// <summary>Texts up to so many bytes are read by a way that is quicker for ASCII.</summary>
        private const int ShortMax = 64;

        /// <summary>Names of fields that came before, by a hash: most come again and again. A lost write harms nobody.</summary>
        private static readonly string[] KnownNames = new string[512];

        private readonly byte* bytes;
        private readonly long length;
        private long at;

        private CborReader(byte* bytes, long length)
        {
            this.bytes = bytes;
            this.length = length;
            at = 0;
        }

        /// <exception cref="HeadwaterException">invalid_message</exception>
        internal static Dictionary<string, object> Read(byte[] message)
        {
            fixed (byte* bytes = message)
            {
                return Read(bytes, message.Length);
            }
        }

        /// <exception cref="HeadwaterException">invalid_message</exception>
        internal static Dictionary<string, object> Read(byte* bytes, long length)
        {
            var reader = new CborReader(bytes, length);
            try
            {
                if (reader.Value(0) is Dictionary<string, object> map && reader.at == length)
                {
                    return map;
                }
            }
            catch (DecoderFallbackException)
            {
                throw Invalid("a text is no UTF-8");
            }
            throw Invalid("it is no map");
        }

        private object Value(int depth)
        {
            var head = Next();
            var more = head & 0x1f;
            switch (head >> 5)
            {
                case 0: return Unsigned(Number(more));
                case 1: return Negative(Number(more));
                case 3: return Text(Number(more));
                case 4: return List(Number(more), depth);
                case 5: return Map(Number(more), depth);
                case 7: return Other(more);
                default: throw Invalid("there is a kind that answers have not");
            }
        }

        private static object Unsigned(ulong number)
        {
            return number <= long.MaxValue ? (object)(long)number : number;
        }

        private static object Negative(ulong number)
        {
            return number <= long.MaxValue ? -1 - (long)number : throw Invalid("an integer has more than 64 bits");
        }

        private object Other(int more)
        {
            switch (more)
            {
                case 20: return false;
                case 21: return true;
                case 22: return null;
                case 27: return BitConverter.Int64BitsToDouble((long)Bytes(8));
                default: throw Invalid("there is a value that answers have not");
            }
        }

        private string Text(ulong count)
        {
            var size = Within(count);
            if (size == 0)
            {
                return "";
            }
            var from = bytes + at;
            at += size;
            return size <= ShortMax && TryReadAscii(from, size, out var text) ? text : Utf8.GetString(from, size);
        }

        private static bool TryReadAscii(byte* from, int size, out string text)
        {
            var letters = stackalloc char[ShortMax];
            text = null;
            for (var n = 0; n < size; n++)
            {
                if (from[n] > 0x7f)
                {
                    return false;
                }
                letters[n] = (char)from[n];
            }
            text = new string(letters, 0, size);
            return true;
        }

        /// <summary>The name of a field.</summary>
        private string Name(ulong count)
        {
            var size = Within(count);
            if (size == 0 || size > ShortMax)
            {
                return Text(count);
            }
            var from = bytes + at;
            var hash = (uint)size;
            for (var n = 0; n < size; n++)
            {
                hash = hash * 31 + from[n];
            }
            ref var known = ref KnownNames[hash % (uint)KnownNames.Length];
            var name = known;
            if (name != null && IsAscii(name, from, size))
            {
                at += size;
                return name;
            }
            known = name = Text(count);
            return name;
        }

        private static bool IsAscii(string text, byte* bytes, int size)
        {
            if (text.Length != size)
            {
                return false;
            }
            for (var n = 0; n < size; n++)
            {
                if (text[n] != bytes[n] || bytes[n] > 0x7f)
                {
                    return false;
                }
            }
            return true;
        }

        private List<object> List(ulong count, int depth)
        {
            var size = Within(count);
            var list = new List<object>(size);
            CheckDepth(depth);
            for (var n = 0; n < size; n++)
            {
                list.Add(Value(depth + 1));
            }
            return list;
        }

        private Dictionary<string, object> Map(ulong count, int depth)
        {
            var size = Within(count);
            var map = new Dictionary<string, object>(size);
            CheckDepth(depth);
            for (var n = 0; n < size; n++)
            {
                var head = Next();
                if (head >> 5 != 3)
                {
                    throw Invalid("the name of a field is no text");
                }
                var name = Name(Number(head & 0x1f));
                map[name] = Value(depth + 1);
            }
            return map;
        }

        private static void CheckDepth(int depth)
        {
            if (depth > DepthMax)
            {
                throw Invalid("it is too deep");
            }
        }

        /// <summary>A count of things, each of which has a byte at least.</summary>
        private int Within(ulong count)
        {
            return count <= (ulong)(length - at) ? (int)count : throw Invalid("it ends too early");
        }

        private ulong Number(int more)
        {
            return more < 24 ? (ulong)more : more < 28 ? Bytes(1 << (more - 24)) : throw Invalid("a length is none");
        }

        private ulong Bytes(int count)
        {
            ulong number = 0;
            for (var n = 0; n < count; n++)
            {
                number = number << 8 | Next();
            }
            return number;
        }

        private byte Next()
        {
            return at < length ? bytes[at++] : throw Invalid("it ends too early");
        }

        private static HeadwaterException Invalid(string why)
        {
            return new HeadwaterException(Codes.InvalidMessage, "the library's answer cannot be read: " + why);
        }
    }
}
