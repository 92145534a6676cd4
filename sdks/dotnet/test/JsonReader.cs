// JSON as the SDK's values, for the vectors and the table: integers of 64 bits stay what they are.
//
// Invariants: what is no JSON is a FormatException.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Headwater.Tests
{
    internal sealed class JsonReader
    {
        private readonly string text;
        private int at;

        private JsonReader(string text)
        {
            this.text = text;
        }

        internal static object Read(string text)
        {
            var reader = new JsonReader(text);
            var value = reader.Value();
            reader.Skip();
            return reader.at == text.Length ? value : throw reader.Fault();
        }

        internal static Dictionary<string, object> ReadMap(string text)
        {
            return (Dictionary<string, object>)Read(text);
        }

        private object Value()
        {
            switch (Peek())
            {
                case '{': return Map();
                case '[': return List();
                case '"': return Text();
                case 't': return Word("true", true);
                case 'f': return Word("false", false);
                case 'n': return Word("null", null);
                default: return Number();
            }
        }

        private Dictionary<string, object> Map()
        {
            var map = new Dictionary<string, object>();
            at++;
            for (var isFirst = true; Peek() != '}'; isFirst = false)
            {
                Separator(isFirst);
                var name = Peek() == '"' ? Text() : throw Fault();
                Expect(':');
                map[name] = Value();
            }
            at++;
            return map;
        }

        private List<object> List()
        {
            var list = new List<object>();
            at++;
            for (var isFirst = true; Peek() != ']'; isFirst = false)
            {
                Separator(isFirst);
                list.Add(Value());
            }
            at++;
            return list;
        }

        private void Separator(bool isFirst)
        {
            if (!isFirst)
            {
                Expect(',');
            }
        }

        private string Text()
        {
            var read = new StringBuilder();
            for (at++; text[at] != '"'; at++)
            {
                read.Append(text[at] == '\\' ? Escape() : text[at]);
            }
            at++;
            return read.ToString();
        }

        private char Escape()
        {
            const string letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
            var letter = text[++at];
            if (letter == 'u')
            {
                at += 4;
                return (char)int.Parse(text.Substring(at - 3, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            }
            var place = letters.IndexOf(letter);
            return place >= 0 ? meanings[place] : throw Fault();
        }

        private object Word(string word, object value)
        {
            if (string.CompareOrdinal(text, at, word, 0, word.Length) != 0)
            {
                throw Fault();
            }
            at += word.Length;
            return value;
        }

        private object Number()
        {
            var begin = at;
            while (at < text.Length && "+-.0123456789eE".IndexOf(text[at]) >= 0)
            {
                at++;
            }
            var digits = text.Substring(begin, at - begin);
            if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
            {
                return integer;
            }
            return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var large)
                ? (object)large : double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        private void Expect(char letter)
        {
            if (Peek() != letter)
            {
                throw Fault();
            }
            at++;
        }

        private char Peek()
        {
            Skip();
            return at < text.Length ? text[at] : throw Fault();
        }

        private void Skip()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }
        }

        private FormatException Fault()
        {
            return new FormatException("it is no JSON at " + at);
        }
    }
}
