// Vectors of the kind `messages`: in their bytes through the library, and CBOR through the SDK's own reader and writer.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Headwater.Tests
{
    internal static class Messages
    {
        internal static void Run(Port port, Dictionary<string, object> it)
        {
            if (it.TryGetValue("json", out var json))
            {
                Check(port, Encoding.UTF8.GetBytes((string)json), it, "gives_json", Encoding.UTF8.GetBytes);
            }
            if (it.TryGetValue("cbor", out var cbor))
            {
                Check(port, Hex((string)cbor), it, "gives_cbor", Hex);
            }
        }

        private static void Check(
            Port port, byte[] request, Dictionary<string, object> it, string gives, Func<string, byte[]> read)
        {
            var answer = port.CallBytes(request);
            if (it.TryGetValue("refused", out var code))
            {
                if (!Encoding.UTF8.GetString(answer).Contains((string)code))
                {
                    throw new Mismatch("it is not refused as " + code);
                }
            }
            else if (!answer.SequenceEqual(read((string)it[gives])))
            {
                throw new Mismatch("the answer to " + gives + " is another one");
            }
            else if (gives == "gives_cbor")
            {
                CheckOwn(answer);
            }
        }

        /// <summary>What is read of an answer means the same when it is written again.</summary>
        private static void CheckOwn(byte[] answer)
        {
            var read = CborReader.Read(answer);
            var writer = CborWriter.Take();
            writer.WriteValue(read, "answer", 0);
            var again = CborReader.Read(writer.Buffer.Take(writer.Length).ToArray());
            writer.GiveBack();
            new Names().Check(read, again);
        }

        internal static byte[] Hex(string digits)
        {
            return Enumerable.Range(0, digits.Length / 2)
                .Select(n => byte.Parse(digits.Substring(2 * n, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture))
                .ToArray();
        }
    }
}
