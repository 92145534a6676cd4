// What tests expect.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;

namespace Headwater.Tests
{
    internal static class Expect
    {
        /// <summary>How long anything may take.</summary>
        internal static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

        internal static void That(bool holds, string what)
        {
            if (!holds)
            {
                throw new Mismatch("it does not hold: " + what);
            }
        }

        internal static void Same(object expected, object actual)
        {
            new Names().Check(expected, actual);
        }

        /// <summary>Fails with a code.</summary>
        internal static HeadwaterException Fails(string code, Action act)
        {
            try
            {
                act();
            }
            catch (HeadwaterException error)
            {
                return error.Code == code ? error : throw new Mismatch(error + " is not " + code);
            }
            throw new Mismatch("it is not refused as " + code);
        }

        /// <summary>The same of a task.</summary>
        internal static HeadwaterException Fails(string code, Func<Task> act)
        {
            return Fails(code, () => Wait(act()));
        }

        internal static void Soon(WaitHandle signal, string what)
        {
            That(signal.WaitOne(Long), what);
        }

        /// <summary>Waits for what becomes so, and looks again and again.</summary>
        internal static void Until(Func<bool> isSo, string what)
        {
            for (var waited = Stopwatch.StartNew(); !isSo(); Thread.Sleep(2))
            {
                That(waited.Elapsed < Long, what);
            }
        }

        internal static T Wait<T>(Task<T> task)
        {
            Wait((Task)task);
            return task.Result;
        }

        internal static void Wait(Task task)
        {
            That(((IAsyncResult)task).AsyncWaitHandle.WaitOne(Long), "a task ends");
            task.GetAwaiter().GetResult();
        }

        internal static Dictionary<string, object> Map(params object[] fields)
        {
            var map = new Dictionary<string, object>();
            for (var n = 0; n < fields.Length; n += 2)
            {
                map[(string)fields[n]] = fields[n + 1];
            }
            return map;
        }
    }

    /// <summary>A peer in a folder of its own.</summary>
    internal sealed class Opened : IDisposable
    {
        private readonly Folder folder = new Folder();

        internal Opened()
        {
            Peer = HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder.Name, Relaxed = true });
            People = Peer.Store.Collection("people");
        }

        internal HeadwaterPeer Peer { get; }

        internal Collection People { get; }

        internal string Dir => folder.Name;

        public void Dispose()
        {
            Peer.Close();
            folder.Dispose();
        }
    }
}
