// What names such as `$id` stand for in vectors, and how an answer is compared with what is expected.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace Headwater.Tests
{
    /// <summary>An answer is not what is expected.</summary>
    internal sealed class Mismatch : Exception
    {
        internal Mismatch(string message) : base(message)
        {
        }
    }

    internal sealed class Names
    {
        private readonly Dictionary<string, object> known;

        internal Names() : this(new Dictionary<string, object>())
        {
        }

        private Names(Dictionary<string, object> known)
        {
            this.known = known;
        }

        internal Names Copy()
        {
            return new Names(new Dictionary<string, object>(known));
        }

        /// <summary>A message with what its names stand for.</summary>
        internal object Fill(object json)
        {
            if (IsName(json))
            {
                return known.TryGetValue((string)json, out var value) ? value : throw new Mismatch(json + " stands for nothing");
            }
            if (json is List<object> list)
            {
                return list.Select(Fill).ToList();
            }
            return json is Dictionary<string, object> map ? map.ToDictionary(it => it.Key, it => Fill(it.Value)) : json;
        }

        internal void Check(object expected, object actual)
        {
            if (Equals(expected, "$any"))
            {
                return;
            }
            if (IsName(expected))
            {
                if (known.TryGetValue((string)expected, out var value))
                {
                    Check(value, actual);
                }
                known[(string)expected] = actual;
            }
            else if (expected is List<object> list && actual is List<object> found && list.Count == found.Count)
            {
                for (var n = 0; n < list.Count; n++)
                {
                    Check(list[n], found[n]);
                }
            }
            else if (expected is Dictionary<string, object> map && actual is Dictionary<string, object> fields)
            {
                CheckFields(map, fields);
            }
            else if (!IsSame(expected, actual))
            {
                throw new Mismatch(Json.Of(actual) + ", not " + Json.Of(expected));
            }
        }

        private void CheckFields(Dictionary<string, object> expected, Dictionary<string, object> actual)
        {
            foreach (var field in expected.Where(it => !Equals(it.Value, "$optional")))
            {
                if (!actual.TryGetValue(field.Key, out var value))
                {
                    throw new Mismatch(Json.Of(actual) + " has no " + field.Key);
                }
                if (field.Key == "error")
                {
                    CheckError((Dictionary<string, object>)field.Value, value as Dictionary<string, object>);
                }
                else
                {
                    Check(field.Value, value);
                }
            }
            var other = actual.Keys.FirstOrDefault(name => !expected.ContainsKey(name));
            if (other != null)
            {
                throw new Mismatch(Json.Of(actual) + " has " + other + ", which nobody expects");
            }
        }

        private static void CheckError(Dictionary<string, object> expected, Dictionary<string, object> actual)
        {
            object code = null, message = null;
            actual?.TryGetValue("code", out code);
            actual?.TryGetValue("message", out message);
            if (!Equals(code, expected["code"]) || string.IsNullOrEmpty(message as string))
            {
                throw new Mismatch("the error " + Json.Of(actual) + ", not " + expected["code"]);
            }
        }

        private static bool IsName(object json)
        {
            return json is string text && Regex.IsMatch(text, @"^\$[a-z_]+$");
        }

        /// <summary>Numbers are the same if their kinds and values are: here `1` is not `1.0`.</summary>
        private static bool IsSame(object one, object other)
        {
            if (one is double || other is double || !(one is IConvertible) || one is string || one is bool)
            {
                return Equals(one, other);
            }
            return other is IConvertible && !(other is string) && !(other is bool)
                && Convert.ToDecimal(one, CultureInfo.InvariantCulture) == Convert.ToDecimal(other, CultureInfo.InvariantCulture);
        }
    }
}
