// A script of the conformance vectors, step by step, on a real peer.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;

namespace Headwater.Tests
{
    /// <summary>A port as the driver wants it: messages of any kind, and errors as answers.</summary>
    internal static class Asking
    {
        internal static Port Open(Dictionary<string, object> config, string dir)
        {
            var message = new Message();
            if (!config.ContainsKey("dir"))
            {
                message.Add("dir", dir);
            }
            if (config.TryGetValue("abi", out var abi))
            {
                message.Add("abi", abi); // the later of two counts
            }
            return Port.Open(message.With(MessageOf(config)), (code, text) => new HeadwaterException(code, text));
        }

        internal static object Ask(Port port, object request)
        {
            return Answer(() => port.Call(MessageOf(request)));
        }

        /// <summary>What a function gives, or `{error}`.</summary>
        internal static Dictionary<string, object> Answer(Func<Dictionary<string, object>> ask)
        {
            try
            {
                return ask();
            }
            catch (HeadwaterException error)
            {
                return Error(error);
            }
        }

        internal static Dictionary<string, object> Error(HeadwaterException error)
        {
            var fields = new Dictionary<string, object> { { "code", error.Code }, { "message", error.Message } };
            return new Dictionary<string, object> { { "error", fields } };
        }

        internal static Message MessageOf(object request)
        {
            var message = new Message();
            foreach (var field in ((Dictionary<string, object>)request).Where(it => it.Key != "abi"))
            {
                message.Add(field.Key, field.Value);
            }
            return message;
        }
    }

    /// <summary>A script that is under way.</summary>
    internal sealed class Script
    {
        internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

        private static readonly Dictionary<string, object> Nothing = new Dictionary<string, object>();

        private readonly string dir;
        private readonly Dictionary<string, Watched> watches = new Dictionary<string, Watched>();
        private Names names = new Names();
        private Port port;

        private Script(string dir)
        {
            this.dir = dir;
        }

        internal static void Run(Dictionary<string, object> config, List<object> steps, string dir)
        {
            var script = new Script(dir);
            script.port = Asking.Open(config, dir);
            try
            {
                for (var n = 0; n < steps.Count; n++)
                {
                    script.Numbered(n + 1, (Dictionary<string, object>)steps[n]);
                }
                script.watches.Values.ToList().ForEach(it => it.End());
            }
            finally
            {
                script.port.Close();
            }
        }

        private void Numbered(int number, Dictionary<string, object> step)
        {
            try
            {
                Step(step);
            }
            catch (Mismatch fault)
            {
                throw new Mismatch("step " + number + ", " + Json.Of(step) + ": " + fault.Message);
            }
        }

        private void Step(Dictionary<string, object> step)
        {
            if (step.TryGetValue("call", out var call))
            {
                names.Check(step["gives"], Asking.Ask(port, names.Fill(call)));
            }
            else if (step.TryGetValue("until", out var until))
            {
                Until(names.Fill(until), step["gives"]);
            }
            else if (step.ContainsKey("watch"))
            {
                Watch(step);
            }
            else if (step.TryGetValue("of", out var of))
            {
                names.Check(step["event"], watches[(string)of].Next());
            }
            else if (step.TryGetValue("unwatch", out var unwatch))
            {
                watches[(string)unwatch].End();
                watches.Remove((string)unwatch);
            }
            else if (step.ContainsKey("close"))
            {
                port.Close();
            }
            else
            {
                var config = (Dictionary<string, object>)step["open"];
                names.Check(step["gives"], Asking.Answer(() =>
                {
                    port = Asking.Open(config, dir);
                    return Nothing;
                }));
            }
        }

        private void Until(object request, object gives)
        {
            var waited = Stopwatch.StartNew();
            while (true)
            {
                var tried = names.Copy();
                try
                {
                    tried.Check(gives, Asking.Ask(port, request));
                    names = tried;
                    return;
                }
                catch (Mismatch) when (waited.Elapsed < Patience)
                {
                    Thread.Sleep(2);
                }
            }
        }

        private void Watch(Dictionary<string, object> step)
        {
            var watched = new Watched();
            var answer = Asking.Answer(() =>
            {
                watched.Watch = new Watch(port, watched.Tell, error => watched.Tell(Asking.Error(error)), keepsAll: true);
                watched.Watch.Start(Asking.MessageOf(names.Fill(step["watch"])));
                return Nothing;
            });
            if (step.TryGetValue("gives", out var gives))
            {
                names.Check(gives, answer.Count > 0 ? answer : watched.Next());
                watched.Watch.Cancel();
                return;
            }
            names.Check(Nothing, answer);
            watches[(string)step["as"]] = watched;
            if (step.TryGetValue("event", out var first))
            {
                names.Check(first, watched.Next());
            }
        }
    }

    /// <summary>What a watch told.</summary>
    internal sealed class Watched
    {
        private readonly BlockingCollection<Dictionary<string, object>> events =
            new BlockingCollection<Dictionary<string, object>>();

        private string last = "";

        internal Watch Watch { get; set; }

        internal void Tell(Dictionary<string, object> message)
        {
            events.Add(message);
        }

        /// <summary>The next event that is another than the one before.</summary>
        internal Dictionary<string, object> Next()
        {
            while (true)
            {
                if (!events.TryTake(out var message, Script.Patience))
                {
                    throw new Mismatch("no event came");
                }
                var shown = Json.Of(message);
                var isNew = shown != last;
                last = shown;
                if (isNew)
                {
                    return message;
                }
            }
        }

        internal void End()
        {
            Watch.Cancel();
            var other = events.Select(Json.Of).FirstOrDefault(it => it != last);
            if (other != null)
            {
                throw new Mismatch(other + " came, which nobody expects");
            }
        }
    }
}
