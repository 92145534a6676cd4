// The tests of the SDK, and what they start as processes of their own.
//
//   Headwater.Tests.exe tests NAMES [FILTER]         everything here but the vectors; NAMES is names.json
//   Headwater.Tests.exe vectors FOLDER [SERVER]      the conformance vectors
//   Headwater.Tests.exe <name of a role> …           see Roles.cs
//
// It exits with 0 only if nothing failed.

using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Headwater.Tests
{
    /// <summary>A test: a method without parameters.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class TestAttribute : Attribute
    {
    }

    /// <summary>A folder that is gone afterwards.</summary>
    internal sealed class Folder : IDisposable
    {
        internal Folder()
        {
            Name = Path.Combine(Path.GetTempPath(), "headwater-dotnet-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(Name);
        }

        internal string Name { get; }

        public void Dispose()
        {
            Directory.Delete(Name, true);
        }
    }

    internal static class Program
    {
        private static int Main(string[] arguments)
        {
            var role = arguments.FirstOrDefault();
            switch (role)
            {
                case "tests":
                    NamesTests.Names = arguments.Skip(1).FirstOrDefault();
                    return Tests(arguments.Skip(2).FirstOrDefault() ?? "") == 0 ? 0 : 1;
                case "vectors":
                    return Vectors.Run(arguments[1], arguments.Skip(2).FirstOrDefault()) == 0 ? 0 : 1;
                default:
                    return Roles.Run(role, arguments.Skip(1).ToArray());
            }
        }

        /// <summary>Runs the tests whose names have a text in them.</summary>
        private static int Tests(string filter)
        {
            const BindingFlags methods = BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public;
            var tests = Assembly.GetExecutingAssembly().GetTypes()
                .SelectMany(type => type.GetMethods(methods))
                .Where(it => it.IsDefined(typeof(TestAttribute), false) && it.Name.Contains(filter)).ToList();
            var failed = tests.Count(it => !Run(it));
            Console.WriteLine((tests.Count - failed) + " tests passed, " + failed + " failed");
            return failed;
        }

        private static bool Run(MethodInfo test)
        {
            var took = Stopwatch.StartNew();
            try
            {
                ((Action)Delegate.CreateDelegate(typeof(Action), test))();
                if (took.Elapsed > TimeSpan.FromSeconds(3))
                {
                    Console.WriteLine(test.Name + " took " + took.Elapsed.TotalSeconds.ToString("0.0") + " s");
                }
                return true;
            }
            catch (Exception fault)
            {
                Console.WriteLine("FAILED " + test.DeclaringType.Name + "." + test.Name + ": " + fault);
                return false;
            }
        }
    }
}
