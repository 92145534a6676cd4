// What the assembly says of itself.

using System.Reflection;
using System.Runtime.CompilerServices;

[assembly: AssemblyTitle("Headwater")]
[assembly: AssemblyDescription("A small peer in a program: it writes to a store of its own first, and syncs with a server.")]
[assembly: AssemblyVersion("0.1.0.0")]
[assembly: InternalsVisibleTo("Headwater.Tests")]
[assembly: InternalsVisibleTo("Headwater.Bench")]
