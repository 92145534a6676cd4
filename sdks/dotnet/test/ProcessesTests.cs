// Two peers on one folder, and processes that end.

using System;
using System.Diagnostics;

namespace Headwater.Tests
{
    internal static class ProcessesTests
    {
        [Test]
        internal static void AFolderIsOpenOnceInAProcessAndInTwo()
        {
            using (var opened = new Opened())
            {
                Expect.Fails(Codes.InUse, () => { HeadwaterPeer.Open(new HeadwaterConfig { Dir = opened.Dir }); });
            }
            using (var folder = new Folder())
            using (var other = Roles.Start("hold", folder.Name))
            {
                Expect.Same("open", other.StandardOutput.ReadLine());
                Expect.Fails(Codes.InUse, () => { HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder.Name }); });
                other.StandardInput.Close();
                Expect.That(ExitCode(other) == 0, "the other ends");
                HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder.Name }).Close();
            }
        }

        [Test]
        internal static void AFolderThatIsNoneIsRefused()
        {
            Expect.Fails(Codes.OpenFailed, () => { HeadwaterPeer.Open(new HeadwaterConfig { Dir = "/dev/null/peer" }); });
            Expect.Fails(Codes.InvalidValue, () => { HeadwaterPeer.Open(new HeadwaterConfig { Dir = "half \ud800" }); });
        }

        [Test]
        internal static void AProcessEndsWhileCallbacksRun()
        {
            for (var round = 0; round < 2; round++)
            {
                using (var folder = new Folder())
                using (var other = Roles.Start("exit", folder.Name))
                {
                    Expect.That(ExitCode(other) == 7, "it ends by itself");
                    HeadwaterPeer.Open(new HeadwaterConfig { Dir = folder.Name }).Close();
                }
            }
        }

        private static int ExitCode(Process process)
        {
            if (!process.WaitForExit((int)Expect.Long.TotalMilliseconds))
            {
                process.Kill();
                throw new Mismatch("a process does not end");
            }
            return process.ExitCode;
        }
    }
}
