// The driver of the conformance vectors for C# (sdks/conformance/README.md says what they mean).
//
// Invariants: what is not run is counted as not run; a case that throws has failed, and the others go on.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading;

namespace Headwater.Tests
{
    internal sealed class Vectors
    {
        /// <summary>Cases with a peer of their own wait most of the time.</summary>
        private const int AtOnce = 12;

        private readonly string server;
        private readonly Folder folder;
        private readonly List<string> lines = new List<string>();
        private int peers;
        private int passed;
        private int failed;

        private Vectors(string server, Folder folder)
        {
            this.server = server;
            this.folder = folder;
        }

        /// <summary>Does every case that it can: how many failed.</summary>
        internal static int Run(string vectors, string server)
        {
            ServicePointManager.DefaultConnectionLimit = AtOnce;
            using (var folder = new Folder())
            {
                var all = new Vectors(server, folder);
                var groups = Directory.GetDirectories(vectors).OrderBy(it => it, StringComparer.Ordinal);
                groups.ToList().ForEach(all.Group);
                all.lines.ForEach(Console.WriteLine);
                Console.WriteLine(all.passed + " passed, " + all.failed + " failed");
                return all.failed;
            }
        }

        private void Group(string group)
        {
            var name = Path.GetFileName(group);
            var before = new[] { passed, failed };
            var notRun = new SortedDictionary<string, int>();
            foreach (var file in Directory.GetFiles(group, "*.json").OrderBy(it => it, StringComparer.Ordinal))
            {
                var body = JsonReader.ReadMap(File.ReadAllText(file));
                var kind = (string)body["kind"];
                if (!CanRun(kind))
                {
                    notRun.TryGetValue(kind, out var count);
                    notRun[kind] = count + ((List<object>)body["cases"]).Count;
                    continue;
                }
                Cases(name + "/" + Path.GetFileNameWithoutExtension(file), kind, body);
            }
            lines.Add(name + ": " + (passed - before[0]) + " passed, " + (failed - before[1]) + " failed");
            lines.AddRange(notRun.Select(it => name + ": " + it.Value + " of " + it.Key + " not run"));
        }

        private bool CanRun(string kind)
        {
            var needsServer = kind == "transcripts" || kind == "merge";
            return needsServer ? server != null : kind == "messages" || kind == "queries" || kind == "script";
        }

        private void Cases(string path, string kind, Dictionary<string, object> body)
        {
            var cases = ((List<object>)body["cases"]).Cast<Dictionary<string, object>>().ToList();
            var shared = kind == "messages" || kind == "queries" ? Prepare(body) : null;
            var numbers = new ConcurrentQueue<int>(Enumerable.Range(0, cases.Count));
            var threads = Enumerable.Range(0, shared == null ? AtOnce : 1).Select(_ => new Thread(() =>
            {
                while (numbers.TryDequeue(out var n))
                {
                    Judge(path, kind, cases[n], shared, path.Split('/')[1] + "-" + n);
                }
            })).ToList();
            threads.ForEach(it => it.Start());
            threads.ForEach(it => it.Join());
            shared?.Close();
        }

        private void Judge(string path, string kind, Dictionary<string, object> it, Port shared, string place)
        {
            try
            {
                Case(kind, it, shared, place);
                Interlocked.Increment(ref passed);
            }
            catch (Exception fault) when (fault is Mismatch || fault is HeadwaterException || fault is WebException)
            {
                Interlocked.Increment(ref failed);
                lock (lines)
                {
                    lines.Add("FAILED " + path + ": " + it["name"] + ": " + fault.Message);
                }
            }
        }

        /// <summary>The peer that all cases of a file ask, with its documents.</summary>
        private Port Prepare(Dictionary<string, object> body)
        {
            var port = Asking.Open(Field(body, "config"), NewDir());
            foreach (var collection in Field(body, "documents"))
            {
                foreach (var value in (List<object>)collection.Value)
                {
                    port.Call(new Message { { "call", "upsert" }, { "collection", collection.Key }, { "value", value } });
                }
            }
            return port;
        }

        private void Case(string kind, Dictionary<string, object> it, Port shared, string place)
        {
            switch (kind)
            {
                case "messages":
                    Messages.Run(shared, it);
                    break;
                case "queries":
                    new Names().Check(it["gives"], Asking.Ask(shared, it["call"]));
                    break;
                case "script":
                    Script.Run(Field(it, "config"), (List<object>)it["steps"], NewDir());
                    break;
                case "transcripts":
                    WithServer(Field(it, "config"), (List<object>)it["steps"], place + "-" + Guid.NewGuid().ToString("N"));
                    break;
                default:
                    Merge(it, place);
                    break;
            }
        }

        /// <summary>A merge's deltas come over the wire, in each order.</summary>
        private void Merge(Dictionary<string, object> it, string place)
        {
            var document = "null";
            if (it["json"] != null)
            {
                var fields = it["json"] as Dictionary<string, object> ?? JsonReader.ReadMap((string)it["json"]);
                document = Json.Of(new Dictionary<string, object>(fields) { { "_id", "x" } });
            }
            var steps = (List<object>)JsonReader.Read(@"[
                {""call"": {""call"": ""register_subscription"", ""collection"": ""c""}, ""gives"": {""subscription"": 1}},
                {""call"": {""call"": ""start_sync""}, ""gives"": {}},
                {""until"": {""call"": ""find_by_id"", ""collection"": ""c"", ""id"": ""end""},
                 ""gives"": {""document"": {""_id"": ""end""}}},
                {""call"": {""call"": ""find_by_id"", ""collection"": ""c"", ""id"": ""x""}, ""gives"": {""document"": "
                + document + "}}]");
            for (var order = 0; order < ((List<object>)it["orders"]).Count; order++)
            {
                var app = "merge-" + place + "-" + order + "-" + Guid.NewGuid().ToString("N");
                WithServer(new Dictionary<string, object>(), steps, app);
            }
        }

        /// <summary>A script with the server of transcripts, which says whether the peer said what it should.</summary>
        private void WithServer(Dictionary<string, object> config, List<object> steps, string app)
        {
            Exception fault = null;
            try
            {
                Script.Run(new Dictionary<string, object>(config) { { "server", server }, { "app", app } }, steps, NewDir());
            }
            catch (Exception error) when (error is Mismatch || error is HeadwaterException)
            {
                fault = error;
            }
            using (var web = new WebClient())
            {
                var verdict = web.DownloadString(server + "/" + app + "/verdict");
                if (fault != null || verdict != "passed")
                {
                    throw new Mismatch("the server: " + verdict + "; " + fault?.Message);
                }
            }
        }

        private static Dictionary<string, object> Field(Dictionary<string, object> body, string name)
        {
            return body.TryGetValue(name, out var value)
                ? (Dictionary<string, object>)value : new Dictionary<string, object>();
        }

        private string NewDir()
        {
            return Path.Combine(folder.Name, Interlocked.Increment(ref peers).ToString());
        }
    }
}
