// What a call costs over the border, in nanoseconds: a name and a figure a line. `bytes` is a message in its bytes, `call` one that
// the SDK writes and reads, `task` one that is awaited.
//
// The best of many short rounds, and the kinds take turns: on a machine that does other things too, the others measure those.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;

namespace Headwater.Measured
{
    internal static class Bench
    {
        private const int Rounds = 200;
        private const int Calls = 100;

        private static void Main()
        {
            var dir = Path.Combine(Path.GetTempPath(), "headwater-bench-" + Guid.NewGuid().ToString("N"));
            var config = new Message { { "dir", dir }, { "relaxed", true } };
            var port = Port.Open(config, (code, message) => new HeadwaterException(code, message));
            try
            {
                var document = Document();
                Measure(port, "echo_200", () => Message.Call("echo").With("value", document), Rounds);
                Measure(
                    port, "upsert_200", () => new Message { { "call", "upsert" }, { "collection", "people" }, { "value", document } },
                    Rounds / 10);
                Measure(
                    port, "find_by_id_200",
                    () => new Message { { "call", "find_by_id" }, { "collection", "people" }, { "id", "customer-000017" } }, Rounds);
            }
            finally
            {
                port.Close();
                Directory.Delete(dir, true);
            }
        }

        /// <summary>A document of about 200 bytes, as the bench of the C library has it.</summary>
        private static Dictionary<string, object> Document()
        {
            var document = new Dictionary<string, object>
            {
                { "_id", "customer-000017" }, { "name", "Susan" }, { "age", 31 },
                { "tags", new List<object> { "new", "vip" } }, { "active", true },
            };
            for (var n = 0; n < 3; n++)
            {
                document["field" + n] = "value" + n * 7919;
            }
            return document;
        }

        private static void Measure(Port port, string name, Func<Message> request, int rounds)
        {
            var writer = CborWriter.Take();
            writer.Write(request());
            var bytes = writer.Buffer.Take(writer.Length).ToArray();
            writer.GiveBack();
            var kinds = new (string, Action)[]
            {
                ("bytes", () => Repeat(() => port.CallBytes(bytes))),
                ("call", () => Repeat(() => port.Call(request()))),
                ("task", () => Await(port, request).Wait()),
            };
            var best = new double[kinds.Length];
            for (var round = 0; round < rounds; round++)
            {
                for (var kind = 0; kind < kinds.Length; kind++)
                {
                    var took = Stopwatch.StartNew();
                    kinds[kind].Item2();
                    var each = took.Elapsed.TotalMilliseconds * 1e6 / Calls;
                    best[kind] = round == 0 ? each : Math.Min(best[kind], each);
                }
            }
            for (var kind = 0; kind < kinds.Length; kind++)
            {
                Console.WriteLine(name + " " + kinds[kind].Item1 + " " + Math.Round(best[kind]));
            }
        }

        private static void Repeat(Action act)
        {
            for (var n = 0; n < Calls; n++)
            {
                act();
            }
        }

        private static async Task Await(Port port, Func<Message> request)
        {
            for (var n = 0; n < Calls; n++)
            {
                await port.CallAsync(request()).ConfigureAwait(false);
            }
        }
    }
}
