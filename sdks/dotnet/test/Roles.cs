// What the tests start as processes of their own.
//
//   hold DIR            opens a folder, prints `open`, and holds it until its input ends
//   exit DIR            ends by itself while observers are told and calls are pending
//   library CODE TEXT   whether opening fails with a code and a message that has a text in it

using System;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Headwater.Tests
{
    internal static class Roles
    {
        internal static int Run(string role, string[] arguments)
        {
            switch (role)
            {
                case "hold":
                    return Hold(arguments[0]);
                case "exit":
                    return Exit(arguments[0]);
                case "library":
                    return Library(arguments[0], arguments[1]);
                default:
                    Console.Error.WriteLine("usage: Headwater.Tests.exe tests | vectors FOLDER [SERVER]");
                    return 2;
            }
        }

        /// <summary>Starts this program again.</summary>
        internal static Process Start(string role, string argument)
        {
            var program = typeof(Roles).Assembly.Location;
            return Process.Start(new ProcessStartInfo
            {
                FileName = Process.GetCurrentProcess().MainModule.FileName,
                Arguments = "\"" + program + "\" " + role + " \"" + argument + "\"",
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            });
        }

        private static int Hold(string dir)
        {
            using (HeadwaterPeer.Open(new HeadwaterConfig { Dir = dir }))
            {
                Console.WriteLine("open");
                Console.In.ReadToEnd();
                return 0;
            }
        }

        /// <summary>Nothing is closed here: the end of the process is.</summary>
        private static int Exit(string dir)
        {
            var peer = HeadwaterPeer.Open(new HeadwaterConfig { Dir = dir, Server = "http://127.0.0.1:1", Relaxed = true });
            var people = peer.Store.Collection("people");
            peer.StartSyncAsync().Wait();
            for (var n = 0; n < 50; n++)
            {
                peer.Store.RegisterObserver("SELECT * FROM people", rows => Thread.Yield());
                peer.Sync.FlushedAsync();
            }
            new Thread(() => Write(people)) { IsBackground = true }.Start();
            Thread.Sleep(100);
            return 7;
        }

        /// <summary>
        /// Until the peer is closed: Mono, unlike .NET, waits at the end for a thread in the background, and aborts it; an
        /// abort that comes while a task is made fails that task, and the thread goes on.
        /// </summary>
        private static void Write(Collection people)
        {
            for (var n = 0; !people.UpsertAsync(new { n }).IsFaulted; n++)
            {
                Thread.Yield();
            }
        }

        private static int Library(string code, string text)
        {
            try
            {
                using (var folder = new Folder())
                {
                    HeadwaterPeer.Open(new HeadwaterConfig { Dir = Path.Combine(folder.Name, "peer") });
                    Console.WriteLine("it was opened");
                }
            }
            catch (HeadwaterException error) when (error.Code == code && error.Message.Contains(text))
            {
                return 0;
            }
            catch (Exception error)
            {
                Console.WriteLine(error);
            }
            return 1;
        }
    }
}
