// Paths to places in documents, as text: `a.b`, `a['b-c']`, `a[0]`.
//
// Not here: what a path means (docs/reference/query-language.md, "Fields"); the library finds faults in one.

using System.Collections.Generic;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Headwater
{
    internal static class Paths
    {
        private static readonly Regex Special = new Regex(@"[\s\p{Cc}.\[\]'""`]", RegexOptions.CultureInvariant);

        private static readonly Regex Steps = new Regex(
            @"\[(\d+)\]|\['((?:\\.|[^'\\])*)'\]|\[""((?:\\.|[^""\\])*)""\]|([^.\[\]]+)", RegexOptions.CultureInvariant);

        /// <summary>The path of a field of what stands at a path, which is empty for the document.</summary>
        internal static string Join(string path, string name)
        {
            if (name.Length > 0 && !Special.IsMatch(name))
            {
                return path.Length == 0 ? name : path + "." + name;
            }
            return path + "['" + name.Replace("\\", "\\\\").Replace("'", "\\'") + "']";
        }

        /// <summary>The path of an element.</summary>
        internal static string Join(string path, int index)
        {
            return path + "[" + index.ToString(CultureInfo.InvariantCulture) + "]";
        }

        /// <summary>What stands at a path in a value: whether something does.</summary>
        internal static bool TryLookUp(object value, string path, out object found)
        {
            found = value;
            foreach (Match step in Steps.Matches(path))
            {
                if (!TryStep(found, step, out found))
                {
                    return false;
                }
            }
            return true;
        }

        private static bool TryStep(object value, Match step, out object found)
        {
            found = null;
            if (!step.Groups[1].Success)
            {
                return value is IDictionary<string, object> map && map.TryGetValue(NameOf(step), out found);
            }
            var isPlace = int.TryParse(step.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var index);
            if (!isPlace || !(value is IList<object> list) || index >= list.Count)
            {
                return false;
            }
            found = list[index];
            return true;
        }

        private static string NameOf(Match step)
        {
            if (step.Groups[4].Success)
            {
                return step.Groups[4].Value;
            }
            var quoted = step.Groups[2].Success ? step.Groups[2].Value : step.Groups[3].Value;
            return Regex.Replace(quoted, @"\\(.)", "$1");
        }
    }
}
