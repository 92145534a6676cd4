// Every name that names.json says C# has is there.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Headwater.Tests
{
    internal static class NamesTests
    {
        /// <summary>Where names.json is.</summary>
        internal static string Names { get; set; }

        [Test]
        internal static void EveryNameIsThere()
        {
            var rows = ((List<object>)JsonReader.Read(File.ReadAllText(Names))).Cast<Dictionary<string, object>>().ToList();
            var missing = rows.Select(it => it["ours"]).Where(it => it != null && !IsThere("Headwater", (string)it))
                .Concat(rows.Select(it => it["compat"]).Where(it => it != null && !IsThere("DittoSDK", (string)it))).ToList();
            Expect.That(rows.Count > 0 && missing.Count == 0, "there is " + string.Join(", ", missing));
        }

        /// <summary>A name is `Class.Member`, of the class or of its objects, for everybody.</summary>
        private static bool IsThere(string space, string name)
        {
            var parts = name.Split('.');
            var type = typeof(HeadwaterPeer).Assembly.GetType(space + "." + parts[0]);
            if (type == null || !type.IsPublic)
            {
                return false;
            }
            const BindingFlags all = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static;
            return parts[1] == "constructor" ? type.GetConstructors().Length > 0 : type.GetMember(parts[1], all).Length > 0;
        }
    }
}
