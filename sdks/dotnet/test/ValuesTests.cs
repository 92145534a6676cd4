// What of C# goes in and comes out, and what is refused.

using System;
using System.Collections.Generic;
using System.Linq;

namespace Headwater.Tests
{
    internal static class ValuesTests
    {
        [Test]
        internal static void ValuesComeBackAsTheyWent()
        {
            var value = Expect.Map(
                "least", long.MinValue, "most", long.MaxValue, "more", ulong.MaxValue, "int", 7, "byte", (byte)200, "float", 1.0,
                "tiny", 5e-324, "half", 0.5f, "price", 19.99m, "text", "zß水\U0001d11e\0", "none", null, "truth", true,
                "list", new object[] { 1, "two", new List<int> { 3 } }, "empty", new Dictionary<string, object>());
            var expected = new Dictionary<string, object>(value)
            {
                ["int"] = 7L, ["byte"] = 200L, ["half"] = 0.5, ["price"] = 19.99,
                ["list"] = new List<object> { 1L, "two", new List<object> { 3L } },
            };
            Expect.Same(expected, Echo(value));
            That("least", Echo(value), long.MinValue);
            That("more", Echo(value), ulong.MaxValue);
            That("float", Echo(value), 1.0);
        }

        [Test]
        internal static void TimesAndAnonymousObjectsAreTakenToo()
        {
            var time = new DateTime(2024, 2, 29, 12, 0, 0, DateTimeKind.Utc);
            var guid = Guid.NewGuid();
            var expected = Expect.Map("time", "2024-02-29T12:00:00.0000000Z", "guid", guid.ToString(), "of", Expect.Map("a", 1L));
            Expect.Same(expected, Echo(new { time, guid, of = new { a = 1 } }));
        }

        [Test]
        internal static void WhatIsNoJsonIsRefused()
        {
            var endless = new List<object>();
            endless.Add(endless);
            var refused = new object[]
            {
                double.NaN, double.PositiveInfinity, float.NaN, new byte[1], "\ud834", "\udd1e\ud834", DayOfWeek.Friday, new object(),
                endless, Expect.Map("\ud800", 1), new Dictionary<int, int> { { 1, 1 } }, 0.1234567890123456789012345678m,
                typeof(string), (Action)(() => { }),
            };
            foreach (var value in refused)
            {
                Expect.Fails(Codes.InvalidValue, () => Echo(value));
            }
            using (var opened = new Opened())
            {
                Expect.Fails(Codes.InvalidValue, () => opened.People.UpsertAsync(new { name = "\ud800" }));
                Expect.Fails(Codes.InvalidValue, () => opened.People.FindByIdAsync("\ud800"));
                Expect.Fails(Codes.InvalidValue, () => opened.People.UpsertAsync("Susan"));
                Expect.Fails(Codes.InvalidValue, () => opened.Peer.Store.ExecuteAsync("SELECT \ud800"));
                Expect.Fails(Codes.InvalidQuery, () => opened.Peer.Store.ExecuteAsync("SELECT"));
                Expect.Fails(Codes.InvalidMessage, () => opened.Peer.Store.Collection(null).UpsertAsync(new { a = 1 }));
            }
        }

        [Test]
        internal static void ADocumentThatIsTooLargeIsRefused()
        {
            using (var opened = new Opened())
            {
                var large = new string('x', 8 * 1024 * 1024);
                Expect.Fails(Codes.TooLarge, () => opened.People.UpsertAsync(new { large }));
                Expect.That(Expect.Wait(opened.People.Find().DocumentsAsync()).Count == 0, "nothing of it is there");
            }
        }

        [Test]
        internal static void BytesThatAreNoAnswerAreRefusedWhereverTheyEnd()
        {
            var writer = CborWriter.Take();
            writer.WriteValue(Expect.Map("items", new object[] { 1, -1, 1L << 40, 0.5, "text", null, true }), "", 0);
            var message = writer.Buffer.Take(writer.Length).ToArray();
            writer.GiveBack();
            for (var length = 0; length < message.Length; length++)
            {
                var part = message.Take(length).ToArray();
                Expect.Fails(Codes.InvalidMessage, () => CborReader.Read(part));
            }
            var random = new Random(7);
            for (var n = 0; n < 3000; n++)
            {
                var other = message.ToArray();
                other[random.Next(other.Length)] = (byte)random.Next(256);
                other[random.Next(other.Length)] = (byte)random.Next(256);
                try
                {
                    CborReader.Read(other);
                }
                catch (HeadwaterException error) when (error.Code == Codes.InvalidMessage)
                {
                    // As it should be.
                }
            }
            var deep = Enumerable.Repeat((byte)0x81, 100000).ToArray();
            deep[0] = 0xa1;
            deep[1] = 0x60;
            Expect.Fails(Codes.InvalidMessage, () => CborReader.Read(deep));
        }

        [Test]
        internal static void CodesHaveTheirNumbers()
        {
            Expect.Same("closed", Codes.NameOf(1));
            Expect.Same("interrupted", Codes.NameOf(23));
            Expect.Same("4711", Codes.NameOf(4711));
        }

        private static object Echo(object value)
        {
            using (var folder = new Folder())
            {
                var port = Asking.Open(new Dictionary<string, object>(), folder.Name);
                try
                {
                    return port.Call(Message.Call("echo").With("value", value))["value"];
                }
                finally
                {
                    port.Close();
                }
            }
        }

        private static void That(string field, object map, object expected)
        {
            Expect.That(Equals(((Dictionary<string, object>)map)[field], expected), field + " is " + expected);
        }
    }
}
