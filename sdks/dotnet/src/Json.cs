// Values as JSON text, for people and for ids in queries.
//
// Not here: messages, which are CBOR.

using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Headwater
{
    /// <summary>Writes what CborReader gives.</summary>
    internal static class Json
    {
        internal static string Of(object value)
        {
            var text = new StringBuilder();
            Write(text, value);
            return text.ToString();
        }

        private static void Write(StringBuilder text, object value)
        {
            if (value is string letters)
            {
                WriteText(text, letters);
            }
            else if (value is double number)
            {
                WriteFloat(text, number);
            }
            else if (value is IPlain plain)
            {
                Write(text, plain.Plain);
            }
            else if (value is IDictionary<string, object> map)
            {
                WriteMap(text, map);
            }
            else if (value is System.Collections.IEnumerable list)
            {
                WriteList(text, list);
            }
            else if (value == null || value is bool)
            {
                text.Append(value == null ? "null" : (bool)value ? "true" : "false");
            }
            else
            {
                text.Append(((System.IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
            }
        }

        /// <summary>A float is told from an integer.</summary>
        private static void WriteFloat(StringBuilder text, double number)
        {
            var digits = number.ToString("R", CultureInfo.InvariantCulture);
            text.Append(digits.IndexOfAny(new[] { '.', 'E' }) < 0 ? digits + ".0" : digits);
        }

        private static void WriteMap(StringBuilder text, IDictionary<string, object> map)
        {
            var separator = "{";
            foreach (var field in map)
            {
                text.Append(separator);
                WriteText(text, field.Key);
                text.Append(':');
                Write(text, field.Value);
                separator = ",";
            }
            text.Append(map.Count == 0 ? "{}" : "}");
        }

        private static void WriteList(StringBuilder text, System.Collections.IEnumerable list)
        {
            var separator = "";
            text.Append('[');
            foreach (var element in list)
            {
                text.Append(separator);
                Write(text, element);
                separator = ",";
            }
            text.Append(']');
        }

        private static void WriteText(StringBuilder text, string it)
        {
            text.Append('"');
            foreach (var letter in it)
            {
                if (letter == '"' || letter == '\\')
                {
                    text.Append('\\').Append(letter);
                }
                else if (letter < ' ' || letter == '\u2028' || letter == '\u2029')
                {
                    text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
                }
                else
                {
                    text.Append(letter);
                }
            }
            text.Append('"');
        }
    }
}
